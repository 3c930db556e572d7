"""Messages of diffusers that say nothing and come with every command; all others are left alone.

kept in float32: []             an empty list of modules that must not be cast
No LoRA keys ... CLIPText...    a LoRA of the U-Net alone; `sdxl.lora` checks itself that all of a file lands
"""

from __future__ import annotations

import logging

_EMPTY = ("should be kept in float32: []", "No LoRA keys associated to CLIPText")


class _SaysSomething(logging.Filter):
    """Lets everything else through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is shown."""
        message = record.getMessage()
        return not any(text in message for text in _EMPTY)


def drop_empty_messages() -> None:
    """Leave these messages out of what diffusers prints."""
    for handler in logging.getLogger("diffusers").handlers:
        if not any(isinstance(each, _SaysSomething) for each in handler.filters):
            handler.addFilter(_SaysSomething())
