"""An audit in words and as a table: what was found, without a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ambient.audit.auditing import Audit
    from ambient.audit.intervals import Interval


def summary(audit: Audit) -> str:
    """What was found, in a few sentences that leave the verdict to the reader."""
    flagged, number_of, test = len(audit.flagged), len(audit.ratios), audit.calibration
    level = f"{100 * audit.confidence:g} % interval"
    if not test.found:
        return (
            f"On such images known copies cannot be told from known originals, so the share of copies among the "
            f"{number_of} samples stays unknown; the measures below may say more."
        )
    missing = f" Copies that were {' or '.join(test.left_out)} cannot be told on such images, and are not part of this."
    told = missing if test.left_out else ""
    ours, theirs = audit.duplicates["samples"], audit.duplicates["training"]
    return (
        f"{flagged} of {number_of} samples look like copies of training images. Corrected for the errors of this test, "
        f"that is {number(audit.copies.value)} of the samples ({level} {range_of(audit.copies)}). "
        f"Of originals ({test.originals}) the same test calls {number(test.false_high.share)} copies.{told} "
        f"{ours.exact} of {ours.images} samples and {theirs.exact} of {theirs.images} training images repeat another "
        "exactly."
    )


def table(audit: Audit) -> list[list[str]]:
    """The measures as rows of text, the head first."""
    head = ["measure", "samples", f"{100 * audit.confidence:g} % interval", "unseen images", "computed on"]
    false = number(audit.calibration.false_high.share)
    rows = [["copies", number(audit.copies.value), range_of(audit.copies), "", f"false alarms {false}"]]
    for m in audit.measures:
        unseen = "" if m.unseen is None else number(m.unseen)
        rows.append([m.title, number(m.value.value, m.percent), range_of(m.value, m.percent), unseen, m.detail])
    return [head, *rows]


def number(value: float, percent: bool = True) -> str:
    """A share in percent, or a number, with as many digits as a reader can use."""
    if not percent:
        return f"{value:.1f}".replace("-", "−")
    return f"{100 * value:.1f} %"


def range_of(interval: Interval, percent: bool = True) -> str:
    """An interval in words."""
    if not percent:
        return f"{number(interval.low, False)} to {number(interval.high, False)}"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
