"""Captions changed at random, so that no image has one caption of its own (Somepalli et al. 2023).

Every function takes a caption and a generator of random numbers, and returns a caption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdxl.mitigation.options import CaptionChange

LARGEST_NUMBER = 10**6


@dataclass(frozen=True)
class Changer:
    """A random change of captions.

    Attributes:
        change: Which.
        words: Words to choose from: the whole words of a tokenizer.
        probability: That a caption is changed at all.
        count: Words or numbers put in, or the length of a random caption.
        several: Other captions by caption, for "several-captions".
    """

    change: CaptionChange
    words: Sequence[str] = field(metadata={"identity": False})
    probability: float = 0.4
    count: int = 4
    several: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, caption: str, random: np.random.Generator) -> str:
        """The caption, changed or not."""
        if random.random() >= self.probability:
            return caption
        if self.change == "several-captions":
            choices = [caption, *self.several.get(caption, ())]
            return choices[random.integers(len(choices))]
        if self.change == "random-caption":
            return " ".join(self._words(random))
        return inserted(caption, self._insertions(caption, random), random)

    def _insertions(self, caption: str, random: np.random.Generator) -> list[str]:
        if self.change == "random-numbers":
            return [str(number) for number in random.integers(0, LARGEST_NUMBER, self.count)]
        if self.change == "repeated-words":
            own = caption.split()
            return [own[i] for i in random.integers(0, len(own), self.count)] if own else []
        return self._words(random)

    def _words(self, random: np.random.Generator) -> list[str]:
        return [self.words[i] for i in random.integers(0, len(self.words), self.count)]


def inserted(caption: str, insertions: Sequence[str], random: np.random.Generator) -> str:
    """The caption with each insertion between two of its words, or at an end; the order of its words stays."""
    words = caption.split()
    for insertion in insertions:
        words.insert(int(random.integers(0, len(words) + 1)), insertion)
    return " ".join(words)


def vocabulary(tokenizer: Any) -> list[str]:
    """The whole words of letters in a CLIP tokenizer, at least three letters long, sorted.

    Raises:
        ValueError: If it has none.
    """
    tokens = (token.removesuffix("</w>") for token in tokenizer.get_vocab() if token.endswith("</w>"))
    words = sorted({token for token in tokens if re.fullmatch(r"[a-z]{3,}", token)})
    if not words:
        raise ValueError("the tokenizer has no whole words to draw random captions from")
    return words


def read_several(path: Path) -> dict[str, list[str]]:
    """Other captions by caption, from JSON lines {"text": caption, "others": [caption, ...]}.

    Raises:
        ValueError: If the file cannot be read, naming file and line.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--several-captions {path} cannot be read ({error})") from error
    several: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            others = [str(other) for other in row["others"]]
            several[str(row["text"]).strip()] = others
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(
                f'--several-captions {path} line {number}: not a JSON object with "text" and a list "others"'
            ) from error
    if not several:
        raise ValueError(f"--several-captions {path} holds no captions")
    return several
