from .diffusers_unet import DenoiserUNet
from .fitting import Recipe, fit
from .folder import ModelFolderError
from .loading import load
from .model import Model
from .networks import build
from .restoration import Tiled, posterior_mean, posterior_samples

__all__ = [
    "DenoiserUNet",
    "Model",
    "ModelFolderError",
    "Recipe",
    "Tiled",
    "build",
    "fit",
    "load",
    "posterior_mean",
    "posterior_samples",
]
