"""Features of pretrained networks: Inception, DINOv2 and CLIP, each under the protocol of the paper that used it.

Nothing is downloaded unless asked for, and nothing is used that is not what its name says.
"""

from ambient.metrics.pretrained.checked import Pretrained, PretrainedError
from ambient.metrics.pretrained.clip import ClipScore, clip
from ambient.metrics.pretrained.dinov2 import dinov2
from ambient.metrics.pretrained.inception import Inception

__all__ = ["ClipScore", "Inception", "Pretrained", "PretrainedError", "clip", "dinov2"]
