"""A byte-level CLIP tokenizer with a small vocabulary."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from transformers import CLIPTokenizer

WORDS = (
    "a photo of an image picture chest x-ray frontal view lungs lung heart pneumonia covid normal patient left right "
    "lower upper lobe bilateral opacities shows with and in the no evidence dog cat face person sitting on table"
)
"""Words that the tiny pipelines know whole."""


def make_tokenizer(pad: str, words: str = WORDS) -> CLIPTokenizer:
    """CLIP's byte-pair encoding with the merges that `words` need; others fall into bytes. `pad` fills up to 77."""
    symbols = [chr(code) for code in _printable_bytes()]
    vocabulary = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    merges = _merges(words.replace("-", " ").split())
    vocabulary += ["".join(pair) for pair in merges]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    numbers = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    return CLIPTokenizer(numbers, merges, pad_token=pad, model_max_length=77)  # type: ignore[arg-type]


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding until each word is one token: always the most frequent pair, of equals the first by name."""
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in dict.fromkeys(words)]
    merges: list[tuple[str, str]] = []
    while any(len(pieces) > 1 for pieces in spelled):
        counts = Counter(pair for pieces in spelled for pair in pairwise(pieces))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        for pieces in spelled:
            for i in range(len(pieces) - 2, -1, -1):
                if tuple(pieces[i : i + 2]) == best:
                    pieces[i : i + 2] = ["".join(best)]
    return merges


def _printable_bytes() -> list[int]:
    """The characters that stand for the 256 bytes in byte-level BPE: printable ones for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*printable, *range(256, 256 + 256 - len(printable))]
