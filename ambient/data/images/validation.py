"""What is wrong with a data set: every fault of every file, found before anything is trained on it."""

from __future__ import annotations

from collections import Counter
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
    "duplicate name",
    "missing file",
    "no label",
    "wrong label",
    "wrong batch",
    "unsafe pickle",
]


@dataclass(frozen=True)
class Fault:
    """One thing that makes one file unusable.

    Attributes:
        kind: Which kind of fault.
        name: The file, inside its data set.
        detail: What was found.
    """

    kind: Kind
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})"


@dataclass(frozen=True)
class Report:
    """What reading a data set found.

    Attributes:
        source: The data set, as it was asked for.
        layout: What it was recognised as.
        images: How many images can be used.
        faults: Everything that cannot be, each with its reason.
        warnings: What the user should know although the data can be used.
    """

    source: str
    layout: str
    images: int
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Number of faults of each kind, the most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())

    def summary(self, shown: int = 3) -> str:
        """One line: the counts of each kind, and the first `shown` files of each."""
        if not self.faults:
            return f"{self.source}: {self.images} images ({self.layout}), no faults"
        kinds = "; ".join(self._of_kind(kind, count, shown) for kind, count in self.counts().items())
        return f"{self.source}: {self.images} images ({self.layout}) can be used, {len(self.faults)} cannot: {kinds}"

    def _of_kind(self, kind: str, count: int, shown: int) -> str:
        first = [str(fault) for fault in self.faults if fault.kind == kind][:shown]
        more = f" and {count - shown} more" if count > shown else ""
        return f"{count} {kind}: {', '.join(first)}{more}"


class DataSetError(ValueError):
    """A data set that cannot be used as it is.

    Attributes:
        report: Everything that was found, where reading got as far as the files.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
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
