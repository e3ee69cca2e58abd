"""viewers/neuroglancer."""
