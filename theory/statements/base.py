"""What a checked statement is.

A statement has a claim as printed, evidence for it, and where that fails a corrected form with evidence of its own; a
claim that holds may have a sharpened form in the same place. The verdict follows from the evidence:

    exact         all evidence for the printed form holds, and for the sharpened form where there is one;
    correction    the printed form fails, the corrected one holds, and the claim survives up to constants or conditions;
    misprint      the printed form fails, the corrected one holds, and the difference is one of typesetting;
    unsupported   anything else.

Only the choice between "correction" and "misprint" is recorded by hand, since it is about words and not about numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["exact", "correction", "misprint", "unsupported"]


@dataclass(frozen=True)
class Evidence:
    """One measured number and the bound that it is held against.

    Attributes:
        what: What was measured, in a few words.
        measured: The number.
        relation: "<=", ">=" or "<" or ">": measured relation bound has to hold.
        bound: The bound.
    """

    what: str
    measured: float
    relation: Literal["<=", ">=", "<", ">"]
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the measured number satisfies its bound; a NaN never does."""
        if math.isnan(self.measured):
            return False
        m, b = self.measured, self.bound
        return bool({"<=": m <= b, ">=": m >= b, "<": m < b, ">": m > b}[self.relation])

    def __str__(self) -> str:
        return f"{self.what}: {self.measured:.3g} ({self.relation} {self.bound:.3g})"


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes:
        printed: Evidence that the statement holds as printed.
        corrected: Evidence that the corrected or sharpened form holds; empty where there is none.
    """

    printed: tuple[Evidence, ...]
    corrected: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Statement:
    """One numbered statement of a paper.

    Attributes:
        id: Short and unique, for instance "P1-3.1"; what `--only` takes.
        place: Where it stands, for instance "P1 Theorem 3.1, A.3".
        claim: The claim in words.
        check: Runs the check.
        expected: The verdict on record.
        corrected_form: The corrected or sharpened form, or "" where the printed one needs none.
    """

    id: str
    place: str
    claim: str
    check: Callable[[], Findings]
    expected: Literal["exact", "correction", "misprint"] = "exact"
    corrected_form: str = ""

    def verdict(self, findings: Findings) -> Verdict:
        """The verdict that the findings support."""
        printed = bool(findings.printed) and all(e.holds for e in findings.printed)
        corrected = all(e.holds for e in findings.corrected)
        if printed and corrected:
            return "exact"
        if not printed and corrected and findings.corrected:
            return "misprint" if self.expected == "misprint" else "correction"
        return "unsupported"


@dataclass(frozen=True)
class NotChecked:
    """A numbered statement that no computation here can decide.

    Attributes:
        id: Short and unique, as in `Statement`.
        place: Where it stands.
        why: Why it is not checked.
    """

    id: str
    place: str
    why: str
