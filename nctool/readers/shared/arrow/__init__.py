"""The layout of Arrow files, read without the library."""
