from .anscombe import PoissonGaussian
from .arrays import ArrayError, Stack, is_array_source, read_arrays
from .bounds import Bound
from .checks import Check
from .estimate import ImageLevels, NoiseEstimate, estimate
from .sources import Source, read_source
from .stabilised import Stabilised
from .units import grey_levels, noise_in_words, parse_level, parse_poisson

__all__ = [
    "ArrayError",
    "Bound",
    "Check",
    "ImageLevels",
    "NoiseEstimate",
    "PoissonGaussian",
    "Source",
    "Stabilised",
    "Stack",
    "estimate",
    "grey_levels",
    "is_array_source",
    "noise_in_words",
    "parse_level",
    "parse_poisson",
    "read_arrays",
    "read_source",
]
