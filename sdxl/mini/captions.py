"""Captions for images of which only the class is known, in several wordings."""

from __future__ import annotations

from collections.abc import Sequence

WORDINGS = (
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "a small photo of {}",
    "a blurry photo of {}",
    "a photo showing {}",
    "{}",
    "one {name}",
)
"""How an image of a class is described; each image is shown with any of them, drawn anew in every update."""
OTHER_WORDS = (
    "an blurry colour drawing of chest x-ray frontal view lungs lung heart pneumonia covid normal patient left right "
    "lower upper lobe bilateral opacities shows with and in the no evidence face person sitting on table"
)
"""Words that the tokenizers know beside those of the captions, for fine-tuning on other images."""


def caption(name: str, wording: str) -> str:
    """The caption of an image of the class `name`: "a photo of an airplane"."""
    article = "an" if name[0] in "aeiou" else "a"
    return wording.format(f"{article} {name}", name=name)


def captions_of(classes: Sequence[str]) -> list[list[str]]:
    """Every caption, by class and wording."""
    return [[caption(name, wording) for wording in WORDINGS] for name in classes]


def words_of(classes: Sequence[str]) -> str:
    """The words that a tokenizer for these captions is to know whole."""
    found = [word for texts in captions_of(classes) for text in texts for word in text.split()]
    return " ".join(dict.fromkeys([*found, *OTHER_WORDS.split()]))
