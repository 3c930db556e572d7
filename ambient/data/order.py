"""The order in which a run sees its samples, as a function of (seed, epoch)."""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.randomness import permutation


class Order:
    """The order of training: a new permutation of the rows each epoch, as a function of (seed, epoch).

    Positions count the images seen since the start, so any stretch of the order can be had at any time.
    """

    def __init__(self, rows: int, seed: int) -> None:
        if rows < 1:
            raise ValueError("there is nothing to train on: the data set is empty")
        self.rows = rows
        self.seed = seed
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def __call__(self, start: int, stop: int) -> Tensor:
        """The rows at positions start..stop-1, (stop - start,)."""
        pieces = []
        while start < stop:
            epoch, offset = divmod(start, self.rows)
            if epoch != self._epoch:
                self._epoch, self._permutation = epoch, permutation(self.rows, "order", self.seed, epoch)
            pieces.append(self._permutation[offset : offset + stop - start])
            start += len(pieces[-1])
        return torch.cat(pieces)
