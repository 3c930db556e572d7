"""Folders, zip files and tar files, read alike: a sorted list of names, and the bytes behind each.

Nothing is ever unpacked to disk, nothing is read that is larger than the options allow, and nothing that is no file is
ever waited for. Names that would leave the set, and names that occur twice, are never read: they are faults.
"""

from ambient.data.images.stores.base import Store, read_file
from ambient.data.images.stores.opening import open_store

__all__ = ["Store", "open_store", "read_file"]
