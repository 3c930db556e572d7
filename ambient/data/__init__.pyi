from .batch import Batch
from .crops import Crops
from .order import Order
from .samples import Data, Samples, in_memory
from .shards import ShardedSamples

__all__ = ["Batch", "Crops", "Data", "Order", "Samples", "ShardedSamples", "in_memory"]
