"""nd2watch turns microscope image sequences into Nikon ND2 files."""

__version__ = "0.1.0"
