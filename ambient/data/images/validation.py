"""What is wrong with a data set: every fault of every file, found before anything is trained on it.

Names and details are made `visible` here, where every message passes, so that no name reaches a terminal as it is.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "empty file",
    "not an image",
    "damaged",
    "animated",
    "wrong mode",
    "wrong size",
    "mixed channels",
    "too large",
    "unreadable",
    "unsafe name",
    "link out of the set",
    "duplicate name",
    "missing file",
    "no label",
    "wrong label",
    "wrong batch",
    "unsafe pickle",
    "not text",
]
Omission = Literal[
    "hidden or system file",
    "archive inside",
    "text beside the images",
    "not an image",
    "of another layout",
    "second image",
    "link inside the set",
]


def visible(text: str) -> str:
    """A text as it may be shown: control characters, direction marks and bytes that are not UTF-8 become escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or _is_harmless(c) else _escaped(c) for c in text)


def _is_harmless(character: str) -> bool:
    """Other spaces, joiners inside words and emoji, and characters that Python's tables do not know yet."""
    return unicodedata.category(character) in ("Zs", "Co", "Cn") or character in "\u200c\u200d"


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte of a name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


@dataclass(frozen=True)
class Fault:
    """One thing that makes one file unusable.

    Attributes:
        kind: Which kind of fault.
        name: The file, inside its data set; made visible.
        detail: What was found; made visible.
    """

    kind: Kind
    name: str
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", visible(self.name))
        object.__setattr__(self, "detail", visible(self.detail))

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})"


@dataclass(frozen=True)
class LeftOut:
    """One file that was not read because it is no part of the data.

    Attributes:
        kind: Why.
        name: The file, inside its data set; made visible.
    """

    kind: Omission
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", visible(self.name))

    def __str__(self) -> str:
        return self.name


def told(items: Sequence[Fault] | Sequence[LeftOut], shown: int = 3) -> str:
    """In one line: how many there are of each kind, the most frequent first, and the first `shown` of each."""
    counts = Counter(item.kind for item in items).most_common()
    return "; ".join(f"{count} {kind}: {some(_of(items, kind), count, shown)}" for kind, count in counts)


def some(names: Iterable[str], count: int, shown: int = 3) -> str:
    """The first `shown` of `count` names, and how many more there are."""
    first = [name for name, _ in zip(names, range(shown), strict=False)]
    return ", ".join(first) + (f" and {count - shown} more" if count > shown else "")


def _of(items: Sequence[Fault] | Sequence[LeftOut], kind: str) -> Iterable[str]:
    return (str(item) for item in items if item.kind == kind)


@dataclass(frozen=True)
class Report:
    """What reading a data set found.

    Attributes:
        source: The data set, as it was asked for.
        layout: What it was recognised as.
        images: How many images can be used.
        faults: Everything that cannot be, each with its reason.
        warnings: What the user should know although the data can be used.
        left_out: Files that are no part of the data, such as hidden ones, each by name.
    """

    source: str
    layout: str
    images: int
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def counts(self) -> dict[str, int]:
        """Number of faults of each kind, the most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())

    def summary(self, shown: int = 3) -> str:
        """One line: the counts of each kind of fault, and the first `shown` files of each."""
        if not self.faults:
            return f"{self.source}: {self.images} images ({self.layout}), no faults"
        kinds = told(self.faults, shown)
        return f"{self.source}: {self.images} images ({self.layout}) can be used, {len(self.faults)} cannot: {kinds}"


class DataSetError(ValueError):
    """A data set that cannot be used as it is; its message is made visible.

    Attributes:
        report: Everything that was found, where reading got as far as the files.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(visible(message))
        self.report = report

    @classmethod
    def of_report(cls, report: Report) -> DataSetError:
        """The refusal of a data set with faults."""
        return cls(f"{report.summary()}. Mend or remove them, or leave them out with skip_bad", report)


class UnusableError(Exception):
    """One file that cannot be used: caught where the files are read, and turned into a `Fault`."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind: Kind = kind
        self.detail = detail

    def fault(self, name: str) -> Fault:
        """The fault of the file `name`."""
        return Fault(self.kind, name, self.detail)
