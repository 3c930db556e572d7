"""Pickles of arrays, read as data."""

from ambient.data.images.pickles.machine import read_pickle

__all__ = ["read_pickle"]
