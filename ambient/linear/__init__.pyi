from .adapters import Adapted, adapted, adjoint_error
from .images import Blur, Downsample, Mask
from .matrices import Matrix
from .names import Task, parse_task
from .operators import Compose, Identity, Operator
from .resonance import AsComplex, Fourier, MultiCoil
from .solving import conjugate_gradients, inner
from .tasks import operator_of

__all__ = [
    "Adapted",
    "AsComplex",
    "Blur",
    "Compose",
    "Downsample",
    "Fourier",
    "Identity",
    "Mask",
    "Matrix",
    "MultiCoil",
    "Operator",
    "Task",
    "adapted",
    "adjoint_error",
    "conjugate_gradients",
    "inner",
    "operator_of",
    "parse_task",
]
