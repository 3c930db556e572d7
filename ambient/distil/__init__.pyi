from .losses import generator_loss, outward_variance

__all__ = ["generator_loss", "outward_variance"]
