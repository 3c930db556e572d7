"""What a model is trained on: samples as they were observed, their batches and order, the one noisy copy, shards."""

from ambient.data.batch import Batch
from ambient.data.noisy_copy import noisy_copy
from ambient.data.order import Order
from ambient.data.samples import Data, Samples, in_memory
from ambient.data.shards import ShardedSamples

__all__ = ["Batch", "Data", "Order", "Samples", "ShardedSamples", "in_memory", "noisy_copy"]
