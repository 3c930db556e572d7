"""Where the captions of images are found: in one table for many images, or in a text beside each."""

from ambient.data.images.captions.finding import Captions, find_captions
from ambient.data.images.captions.texts import caption_in

__all__ = ["Captions", "caption_in", "find_captions"]
