"""``python -m napari_dacapo.cli``: the same as ``napari-dacapo``."""

from napari_dacapo.cli import main

main()
