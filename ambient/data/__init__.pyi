from .batch import Batch
from .order import Order
from .samples import Data, Samples, in_memory
from .shards import ShardedSamples

__all__ = ["Batch", "Data", "Order", "Samples", "ShardedSamples", "in_memory"]
