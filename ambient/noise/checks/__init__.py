"""Is the noise what one level takes it for: white, Gaussian, equal at all brightnesses and in all images?"""

from ambient.noise.checks.base import Check

__all__ = ["Check"]
