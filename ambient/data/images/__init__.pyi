from .captioned import Pair, Unit, units
from .loading import ImageList, ImageSet, load_each, load_images
from .options import CaptionOptions, FileOptions, ImageOptions
from .pixels import to_uint8, to_unit
from .subsets import IndexList, read_index_list, subset, write_index_list
from .validation import DataSetError, Fault, LeftOut, Report

__all__ = [
    "CaptionOptions",
    "DataSetError",
    "Fault",
    "FileOptions",
    "ImageList",
    "ImageOptions",
    "ImageSet",
    "IndexList",
    "LeftOut",
    "Pair",
    "Report",
    "Unit",
    "load_each",
    "load_images",
    "read_index_list",
    "subset",
    "to_uint8",
    "to_unit",
    "units",
    "write_index_list",
]
