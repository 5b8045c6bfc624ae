"""What an HDF5 file says of itself, and its arrays.

``h5py_child`` is the only place that knows h5py; it runs in a process of its own, because the C
library was seen to crash and to hang on files with one damaged byte. ``tree`` asks it for a
description and checks it; arrays that lie in one piece are mapped here, without the library.
"""
