from .diffusers_unet import DenoiserUNet
from .fitting import Recipe, fit
from .folder import ModelFolderError
from .loading import load
from .model import Model
from .restoration import Tiled, posterior_mean, posterior_samples

__all__ = [
    "DenoiserUNet",
    "Model",
    "ModelFolderError",
    "Recipe",
    "Tiled",
    "fit",
    "load",
    "posterior_mean",
    "posterior_samples",
]
