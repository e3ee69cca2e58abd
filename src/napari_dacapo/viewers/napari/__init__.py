"""The napari backend: volumes as layers."""
