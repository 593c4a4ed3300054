"""Lists of images: tables of text files, and which of their columns mean what."""
