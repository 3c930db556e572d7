"""What a model is trained on: samples as they were observed, their batches and order, the one noisy copy, shards."""

# `noisy_copy` is not among these names: as the name of a module and of its function it would be either of them.
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
