"""A model is a folder: networks by size, training on images as they are, saving, loading, restoring."""

from ambient.models.diffusers_unet import DenoiserUNet
from ambient.models.fitting import Recipe, fit
from ambient.models.folder import ModelFolderError
from ambient.models.loading import load
from ambient.models.model import Model
from ambient.models.restoration import Tiled, posterior_mean, posterior_samples

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
