"""What an HDF5 file says of itself, read here byte by byte.

The C library was seen to crash and to hang on files with one damaged byte, and to read other
files when a crafted one asked for it. So nothing is handed to it: whatever a file points at is
checked against the file's own length before it is followed, and nothing is followed twice.
"""
