from .anscombe import PoissonGaussian
from .arrays import ArrayError, Stack, is_array_source, read_arrays
from .bounds import Bound
from .checks import Check
from .estimate import ImageLevels, NoiseEstimate, estimate
from .sources import Source, read_source
from .units import grey_levels, parse_level

__all__ = [
    "ArrayError",
    "Bound",
    "Check",
    "ImageLevels",
    "NoiseEstimate",
    "PoissonGaussian",
    "Source",
    "Stack",
    "estimate",
    "grey_levels",
    "is_array_source",
    "parse_level",
    "read_arrays",
    "read_source",
]
