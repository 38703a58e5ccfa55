"""Help with layouts: what names tell by them, and which of them fits a folder."""
