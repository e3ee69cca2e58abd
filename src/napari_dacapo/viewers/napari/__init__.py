"""viewers/napari."""
