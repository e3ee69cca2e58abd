"""The editor of the url map: local folders and their public addresses."""

from __future__ import annotations

from napari_dacapo.widgets.path_map_dialog import PathMapDialog

__all__ = ["AddressesDialog"]


class AddressesDialog(PathMapDialog):
    """Edit under which addresses local folders can be reached from elsewhere."""

    title = "Public addresses"
    text = (
        "Links for others need addresses that everyone can read: https://…, s3://… or gs://…. "
        "Say under which one a folder of this computer can be reached; "
        "the longest folder that fits is taken. This is the url map of the preferences."
    )
    headers = ("Folder here", "Public address")
    folder_column = 0
