"""Training: one loop for every network, objective and data set, with checkpoints that lose nothing."""

from ambient.training.loop import Callback, train
from ambient.training.options import TrainingConfig
from ambient.training.progress import LEVEL_BINS, Progress
from ambient.training.updates import NonFiniteLossError

__all__ = ["LEVEL_BINS", "Callback", "NonFiniteLossError", "Progress", "TrainingConfig", "train"]
