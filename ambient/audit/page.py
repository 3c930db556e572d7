"""An audit as one HTML page that needs nothing else: no network, no fonts, no scripts; images inside."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
import numpy as np

from ambient.audit.auditing import Audit
from ambient.audit.explanations import COPIES, MEASURES
from ambient.audit.pictures import data_uri
from ambient.audit.wording import number, range_of, summary

_BINS = 40


@dataclass(frozen=True)
class Bar:
    """One bar of the histogram, in percent of the plot's width and height."""

    left: float
    width: float
    samples: float
    originals: float


def render(audit: Audit) -> str:
    """The page. Names of files and everything else that comes from outside is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ambient.audit", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    test = audit.calibration
    page = environment.get_template("audit.html.j2").render(
        audit=audit,
        summary=summary(audit),
        copies=COPIES,
        share=number(audit.copies.value),
        interval=range_of(audit.copies),
        confidence=f"{100 * audit.confidence:g} %",
        measures=[
            (m, number(m.value.value, m.percent), range_of(m.value, m.percent), _unseen(m.unseen))
            for m in audit.measures
        ],
        explanations={m.key: MEASURES[m.key] for m in audit.measures},
        pairs=[(pair, data_uri(pair.image), data_uri(pair.match)) for pair in audit.pairs],
        pixelated=max(audit.pairs[0].image.shape[1:]) < 100,
        bars=histogram(audit),
        threshold=100 * test.threshold,
        found=[
            (kind, number(count.share), range_of(count.interval(audit.confidence)))
            for kind, count in test.found.items()
        ],
        alarms=number(test.false_high.share),
        alarms_interval=range_of(test.false_high.interval(audit.confidence)),
    )
    return page.replace(" %", "\N{NO-BREAK SPACE}%")  # a number and its sign stay on one line


def histogram(audit: Audit) -> list[Bar]:
    """How the ratios of samples and of known originals are distributed over [0, 1], each by shares."""
    heights = []
    for ratios in (audit.ratios, audit.originals):
        counts = np.histogram(ratios.clamp(0, 1).numpy(), _BINS, (0, 1))[0]
        heights.append(counts / len(ratios))
    # Copies are few: the square root keeps a bar of 1 % visible beside one of 20 %.
    top = max(h.max() for h in heights) ** 0.5
    ours, theirs = (100 * h**0.5 / top for h in heights)
    width = 100 / _BINS
    return [Bar(width * i, width, float(ours[i]), float(theirs[i])) for i in range(_BINS)]


def _unseen(value: float | None) -> str:
    return "–" if value is None else number(value)
