"""Data sets of images: read from any usual layout, checked file by file, and cut to subsets that are written down."""

from ambient.images.listing import ImageOptions
from ambient.images.loading import ImageSet, load_images
from ambient.images.pixels import to_uint8, to_unit
from ambient.images.subsets import IndexList, read_index_list, subset, write_index_list
from ambient.images.validation import DataSetError, Fault, Report

__all__ = [
    "DataSetError",
    "Fault",
    "ImageOptions",
    "ImageSet",
    "IndexList",
    "Report",
    "load_images",
    "read_index_list",
    "subset",
    "to_uint8",
    "to_unit",
    "write_index_list",
]
