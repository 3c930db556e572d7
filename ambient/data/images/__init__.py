"""Data sets of images: read from any usual layout, checked file by file, and cut to subsets that are written down."""

from ambient.data.images.listing import ImageOptions
from ambient.data.images.loading import ImageSet, load_images
from ambient.data.images.pixels import to_uint8, to_unit
from ambient.data.images.subsets import IndexList, read_index_list, subset, write_index_list
from ambient.data.images.validation import DataSetError, Fault, Report

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
