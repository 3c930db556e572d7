"""What a caption is: one text, or one of several."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ambient.data.images.options import CaptionOptions
from ambient.data.images.text import described
from ambient.data.images.validation import DataSetError


class Tally:
    """Counts what was reinterpreted on the way, to be said once."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def notes(self, source: str) -> list[str]:
        """One line for each kind."""
        return [f"{source}: {what} ({count} of them)" for what, count in self.counts.items()]


def caption_in(value: Any, where: str, options: CaptionOptions, tally: Tally) -> str | None:
    """The caption in a value that some file gives; None if it gives none (null, or nothing but spaces).

    Args:
        value: A text, or a list of texts, of which `options.which_caption` says which.
        where: The place, for messages.
        options: Which of several captions is used.
        tally: Counts the lists.

    Raises:
        DataSetError: If it is no text, or has not as many texts.
    """
    if isinstance(value, list | tuple):
        texts = [text for item in value if (text := _one(item, where)) is not None]
        if not texts:
            return None
        if options.which_caption >= len(texts):
            raise DataSetError(
                f"{where} has {len(texts)} caption(s), not number {options.which_caption} (which_caption)"
            )
        if len(texts) > 1:
            which = options.which_caption
            tally.counts[f"of several captions of an image, number {which} is used (which_caption, from 0)"] += 1
        return texts[options.which_caption]
    return _one(value, where)


def _one(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise DataSetError(f"{where}: the caption is {described(value)}, not a text; choose another --caption-column")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataSetError(f"{where}: the caption holds half a character ({value[error.start]!a}); mend it") from error
    return value.strip() or None
