"""Captions that are longer than the text encoders read: CLIP's take 77 tokens, start and end among them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from sdxl.components import Components

_SHOWN = 60
"""Characters of a caption that a warning shows."""


class LongCaptions:
    """Counts the captions of which the end is not read.

    Args:
        components: The model, whose tokenizers say how long a caption is, and how long it may be.

    Attributes:
        longest: Tokens that are read.
        count: Captions that have more.
        seen: Captions that were looked at.
        first: The first of those that are too long, and its tokens.
    """

    def __init__(self, components: Components) -> None:
        parts = components.pipeline.components
        self._tokenizers: list[Any] = [parts[n] for n in ("tokenizer", "tokenizer_2") if parts.get(n) is not None]
        self.longest = min(int(tokenizer.model_max_length) for tokenizer in self._tokenizers)
        self.count, self.seen = 0, 0
        self.first: tuple[str, int] | None = None

    def add(self, captions: Iterable[str]) -> LongCaptions:
        """Look at some captions; returns itself."""
        for caption in captions:
            self.seen += 1
            length = self._length(caption)
            if length > self.longest:
                self.count += 1
                self.first = self.first or (caption, length)
        return self

    def merge(self, others: Iterable[tuple[int, int, tuple[str, int] | None]]) -> LongCaptions:
        """Take in (seen, count, first) of the other processes; returns itself."""
        for seen, count, first in others:
            self.seen, self.count, self.first = self.seen + seen, self.count + count, self.first or first
        return self

    def say(self, what: str) -> None:
        """Warns:
        UserWarning: If a caption is too long: how many of `what` are, and the first.
        """
        if self.first is None:
            return
        caption, length = self.first
        shown = caption if len(caption) <= _SHOWN else caption[: _SHOWN - 3] + "..."
        warnings.warn(
            f"{self.count} of {self.seen} {what} have more than the {self.longest} tokens that the text encoders read, "
            f"and the rest of them is not seen; the first, with {length}: {shown}",
            stacklevel=2,
        )

    def _length(self, caption: str) -> int:
        """Tokens of a caption, start and end among them."""
        if not caption:
            return 0
        return max(len(tokenizer(caption, truncation=False, verbose=False).input_ids) for tokenizer in self._tokenizers)
