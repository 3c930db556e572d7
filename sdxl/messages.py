"""Messages of diffusers that say nothing and come with every command; all others are left alone.

    kept in float32: []             an empty list of modules that must not be cast
    No LoRA keys ... CLIPText...    a LoRA of the U-Net alone; `sdxl.lora` checks itself that all of a file lands

A message that has been printed is not printed again: the same prompt is cut in every batch.
"""

from __future__ import annotations

import logging

_EMPTY = ("should be kept in float32: []", "No LoRA keys associated to CLIPText")


class _SaysSomething(logging.Filter):
    """Lets everything else through, once."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is shown."""
        message = record.getMessage()
        is_new = hash(message) not in self._said
        self._said.add(hash(message))
        return is_new and not any(text in message for text in _EMPTY)


def drop_empty_messages() -> None:
    """Leave these messages out of what diffusers prints."""
    for handler in logging.getLogger("diffusers").handlers:
        if not any(isinstance(each, _SaysSomething) for each in handler.filters):
            handler.addFilter(_SaysSomething())
