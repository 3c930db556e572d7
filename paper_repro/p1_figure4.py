"""P1, Figure 4: FID against the nature level of the training data, with and without consistency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from paper_repro import distances, make_sdxl, make_toy, p2, pictures, show, substitutes
from paper_repro.claims import Estimate, Test, above, below, over_splits
from paper_repro.products import NATURES, Images, Substitutes
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop

LIMIT = 1.1
"""With consistency up to t_n = 500: this many times the FID of clean training is "comparable"."""
WITHOUT, WITH = "without consistency", "with consistency"
_PAPER = "a curve without figures: axis from 10 to 30"

Curves = dict[str, dict[int, list[float]]]
"""Line -> t_n -> a distance for each split; clean training under t_n = 0 of both lines."""


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The curves, and the claim on them."""
    reference, name = distances.reference(shop, "ffhq"), distances.name(shop)
    curves: Curves = {WITHOUT: {}, WITH: {}}
    for product in artefact.products:
        assert isinstance(product, Images)
        assert product.tune is not None
        statistics = distances.generated(shop, make_sdxl.make(shop, product).path)
        distance = [statistics.frechet_distance(reference)]
        for line, method in ((WITHOUT, "ambient"), (WITH, "consistency")):
            if product.tune.method in ("dsm", method):
                curves[line][product.tune.nature] = distance
    title = f"{make_sdxl.model_title(shop)}, {shop.sizes.generated} images"
    tables = [_table(f"{title}; {name}", curves)]
    panels = {f"{title}: {name}": curves}
    if not shop.options.substitute:
        tests = _tests({k: {t: [v[0]] for t, v in c.items()} for k, c in curves.items()}, exact=True)
        return Finding(tuple(tables), tuple(tests), _draw(folder, panels))
    small, key = small_curves(shop, artefact.substitute[0])
    tables.append(_table(f"small models on digits; {p2.title(key)}, mean ± spread over splits", small))
    panels[f"small models on digits: {p2.title(key)}"] = small
    surrogates = (*substitutes.SURROGATES, "our recipe of consistency (`ambient.objectives.recommended`) for P1's")
    return Finding(tuple(tables), tuple(_tests(small)), _draw(folder, panels), surrogates)


def small_curves(shop: Workshop, product: Substitutes) -> tuple[Curves, str]:
    """The distances of the small models, and which distance it is."""
    found = make_toy.make_substitutes(shop, product)
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for t, cells in found.items():
        for cell in sorted(cells, key=lambda cell: cell.seed):
            rows.setdefault((cell.method, t), []).append(cells[cell])
    key = "frechet_classifier" if "frechet_classifier" in rows["dsm", 0][0] else "frechet_pixels"
    curves: Curves = {}
    for line, method in ((WITHOUT, "early-stop"), (WITH, substitutes.CONSISTENT)):
        curves[line] = {0: p2.column(rows["dsm", 0], key)}
        curves[line] |= {t: p2.column(rows[method, t], key) for t in NATURES}
    return curves, key


def _tests(curves: Curves, exact: bool = False) -> list[Test]:
    """The claim; `exact` takes single figures for exact, as the paper does."""

    def estimate(values: list[float]) -> Estimate:
        if exact and len(values) == 1:
            return Estimate(values[0], values[0], values[0], "one training run, taken as exact")
        return over_splits(values)

    without, with_it = curves[WITHOUT], curves[WITH]
    tests = [
        above(
            f"{WITHOUT}: distance at t_n = {b} less that at {a} above 0",
            estimate([y - x for x, y in zip(without[a], without[b], strict=True)]),
            0.0,
        )
        for a, b in ((100, 500), (500, 800))
    ]
    tests += [
        below(
            f"{WITH}: distance at t_n = {t} below {LIMIT:g} of clean training's",
            estimate([y / x for x, y in zip(with_it[0], with_it[t], strict=True)]),
            LIMIT,
        )
        for t in (100, 500)
    ]
    tests += [
        below(
            f"distance {WITH} below that without at t_n = {t}",
            estimate([y / x for x, y in zip(without[t], with_it[t], strict=True)]),
            1.0,
        )
        for t in NATURES
    ]
    return tests


def _table(title: str, curves: Curves) -> Table:
    rows = [
        (f"t_n = {t}", *(show.spread(curves[line][t], 2) for line in (WITHOUT, WITH)), _PAPER) for t in (0, *NATURES)
    ]
    return Table(title, ("", WITHOUT, WITH, "paper"), tuple(rows))


def _draw(folder: Path, panels: dict[str, Curves]) -> dict[str, str]:
    figure = Figure(figsize=(5.2 * len(panels), 3.4))
    for axis, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for line, points in curves.items():
            mean = [sum(values) / len(values) for values in points.values()]
            low, high = [min(values) for values in points.values()], [max(values) for values in points.values()]
            axis.plot(list(points), mean, marker="o", label=line)
            axis.fill_between(list(points), low, high, alpha=0.2)
        axis.set(xlabel="training noise level t_n")
        axis.set_title(title, fontsize=8, wrap=True)
        axis.legend(fontsize=7)
    figure.tight_layout()
    pictures.save(folder / "fid.png", figure)
    return {
        "fid.png": "Fréchet distance against the noise level of the training data; shaded from least to largest split"
    }
