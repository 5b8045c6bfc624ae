"""Files and folders behind an address: read by byte ranges, or copied once and removed again."""

from nctool.readers.remote.address import clean, parse
from nctool.readers.remote.copying import Downloads
from nctool.readers.remote.visit import Visit, fetched, visit

__all__ = ["Downloads", "Visit", "clean", "fetched", "parse", "visit"]
