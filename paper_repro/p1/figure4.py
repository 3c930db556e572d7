"""P1, Figure 4: FID against the nature level of the training data, with and without consistency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes

from paper_repro.makers.distances import Distances
from paper_repro.makers.images import Images
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.trained import common_seeds
from paper_repro.report.claims import Estimate, Test, above, below, exact
from paper_repro.report.estimates import over_splits
from paper_repro.report.evidence import Evidence
from paper_repro.report.measures import column, title_of
from paper_repro.report.pictures import Panels
from paper_repro.report.tables import Table, spread
from paper_repro.sizes.levels import NATURES

LIMIT = 1.1
"""With consistency up to t_n = 500: this many times the FID of clean training is "comparable"."""
WITHOUT, WITH = "without consistency", "with consistency"
LINES = {"ambient": (WITHOUT,), "early-stop": (WITHOUT,), "consistency": (WITH,), "ambient+consistency": (WITH,)}
"""The lines of a method; clean training is the beginning of both."""
_PAPER = "a curve without figures: axis from 10 to 30"

Curves = dict[str, dict[int, list[float]]]
"""Line -> t_n -> a distance for each split; clean training under t_n = 0 of both lines."""


def distances(run: Run, products: tuple[Images, ...]) -> Evidence:
    """The curves, and the claim on them."""
    distance = Distances(run, "ffhq")
    curves: Curves = {WITHOUT: {}, WITH: {}}
    for images in products:
        value = distance.of(run.make(images))
        for line in LINES.get(images.method, (WITHOUT, WITH)):
            curves[line][images.nature] = [value]
    title = f"{run.backend.title('sdxl')}, {run.sizes.generated} images"
    tests = _tests(curves, lambda values: exact(values[0]))
    table = _table(f"{title}; {distance.name}", curves)
    return Evidence((table,), tests, {"fid.png": _picture(f"{title}: {distance.name}", curves)})


def distances_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models, over splits."""
    curves, key = curves_on_digits(run, stand_ins)
    name = title_of(key)
    table = _table(f"small models on digits; {name}, mean ± spread over splits", curves)
    pictures = {"fid.png": _picture(f"small models on digits: {name}", curves)}
    return Evidence((table,), _tests(curves, over_splits), pictures)


def curves_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> tuple[Curves, str]:
    """The distances of the small models, and which distance it is."""
    made = [run.make(stand_in) for stand_in in stand_ins]
    groups = [trained.of(stand_in.method) for trained, stand_in in zip(made, stand_ins, strict=True)]
    seeds = common_seeds(groups)
    curves: Curves = {WITHOUT: {}, WITH: {}}
    key = "frechet_pixels"
    for stand_in, trained, cells in zip(stand_ins, made, groups, strict=True):
        rows: list[dict[str, Any]] = [trained.audits[cell] for cell in cells if cell.seed in seeds]
        key = "frechet_classifier" if "frechet_classifier" in rows[0] else "frechet_pixels"
        for line in LINES.get(stand_in.method, (WITHOUT, WITH)):
            curves[line][stand_in.nature] = column(rows, key)
    return curves, key


def _tests(curves: Curves, estimate: Callable[[list[float]], Estimate]) -> tuple[Test, ...]:
    """The claim, by estimates of a figure from its value on each split."""
    without, with_it = curves[WITHOUT], curves[WITH]
    growth = [
        above(
            f"{WITHOUT}: distance at t_n = {b} less that at {a} above 0",
            estimate([y - x for x, y in zip(without[a], without[b], strict=True)]),
            0.0,
        )
        for a, b in ((100, 500), (500, 800))
    ]
    near = [
        below(
            f"{WITH}: distance at t_n = {t} below {LIMIT:g} of clean training's",
            estimate([y / x for x, y in zip(with_it[0], with_it[t], strict=True)]),
            LIMIT,
        )
        for t in (100, 500)
    ]
    better = [
        below(
            f"distance {WITH} below that without at t_n = {t}",
            estimate([y / x for x, y in zip(without[t], with_it[t], strict=True)]),
            1.0,
        )
        for t in NATURES
    ]
    return (*growth, *near, *better)


def _table(title: str, curves: Curves) -> Table:
    rows = [(f"t_n = {t}", *(spread(curves[line][t], 2) for line in (WITHOUT, WITH)), _PAPER) for t in (0, *NATURES)]
    return Table(title, ("", WITHOUT, WITH, "paper"), tuple(rows))


def _picture(title: str, curves: Curves) -> Panels:
    def draw(axis: Axes) -> None:
        for line, points in curves.items():
            mean = [sum(values) / len(values) for values in points.values()]
            low, high = [min(values) for values in points.values()], [max(values) for values in points.values()]
            axis.plot(list(points), mean, marker="o", label=line)
            axis.fill_between(list(points), low, high, alpha=0.2)
        axis.set(xlabel="training noise level t_n")
        axis.set_title(title, fontsize=8, wrap=True)
        axis.legend(fontsize=7)

    caption = "Fréchet distance against the noise level of the training data; shaded from least to largest split"
    return Panels((draw,), caption, 5.2, 3.4)
