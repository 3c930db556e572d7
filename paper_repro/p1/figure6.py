"""P1, Figure 6: unconditional generations with and without consistency at each nature level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from paper_repro.makers.images import Images
from paper_repro.makers.pairs import generated, pictures, some_pairs
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.trained import common_seeds
from paper_repro.report.claims import Test, above, below
from paper_repro.report.detail import detail
from paper_repro.report.estimates import over_either
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table, spread
from paper_repro.sizes.levels import NATURES

_CLEAN = "clean"
_KINDS = {"ambient": "without", "early-stop": "without", "consistency": "with", "ambient+consistency": "with"}

Generations = dict[tuple[str, int], list[Tensor]]
"""(clean, without or with consistency; t_n) -> images (N, C, H, W) of each split."""


def generations(run: Run, products: tuple[Images, ...]) -> Evidence:
    """The generations, and how much detail they have."""
    few = run.sizes.few
    images: Generations = {
        (_KINDS.get(product.method, _CLEAN), product.nature): [generated(run.make(product), range(few))]
        for product in products
    }
    source, _ = run.backend.source("ffhq")
    real = pictures(some_pairs(source, few), run.sizes.resolution)
    title = run.backend.title("sdxl")
    table = _table(title, {**images, ("real images", 0): [real]})
    return Evidence((table,), _tests(images, [real]), {"generations.png": Rows(_rows(images), title)})


def generations_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models."""
    made = [run.make(stand_in) for stand_in in stand_ins]
    groups = [trained.of(stand_in.method) for trained, stand_in in zip(made, stand_ins, strict=True)]
    seeds = sorted(common_seeds(groups))
    images: Generations = {}
    for stand_in, trained, cells in zip(stand_ins, made, groups, strict=True):
        key = (_KINDS.get(stand_in.method, _CLEAN), stand_in.nature)
        images[key] = [trained.samples(cell) for cell in cells if cell.seed in seeds]
    unseen = [made[0].split(seed).held_out for seed in seeds]
    table = _table("small models on digits", {**images, ("unseen real images", 0): unseen})
    picture = Rows(_rows(images), "small models on digits", 12)
    return Evidence((table,), _tests(images, unseen), {"generations-digits.png": picture})


def _tests(images: Generations, real: Sequence[Tensor]) -> tuple[Test, ...]:
    """Blur that grows without consistency, and detail that comes nearer to that of real images with it."""
    tests = []
    for a, b in ((100, 500), (500, 800)):
        pairs = list(zip(images["without", a], images["without", b], strict=True))
        ratio = over_either(lambda x, y: detail(x) / detail(y), pairs)
        tests.append(above(f"detail without consistency larger at t_n = {a} than at {b} (ratio above 1)", ratio, 1.0))
    for t in (500, 800):
        three = list(zip(images["with", t], images["without", t], real, strict=True))
        claim = f"detail at t_n = {t} nearer to real images' with consistency than without (ratio below 1)"
        tests.append(below(claim, over_either(_nearness, three, paired=False), 1.0))
    return tuple(tests)


def _nearness(with_it: Tensor, without: Tensor, real: Tensor) -> float:
    """Distance of the detail of some images to that of real ones, in that of others."""
    target = detail(real)
    return abs(detail(with_it) - target) / abs(detail(without) - target)


def _table(title: str, images: Generations) -> Table:
    rows = [(_name(*key), spread([detail(x) for x in splits], 4), "not given") for key, splits in images.items()]
    return Table(f"{title}; detail: mean squared difference of neighbouring pixels", ("", "ours", "paper"), tuple(rows))


def _rows(images: Generations) -> dict[str, Tensor]:
    order = [(_CLEAN, 0), *((kind, t) for t in NATURES for kind in ("without", "with"))]
    return {_name(*key): images[key][0] for key in order}


def _name(kind: str, t: int) -> str:
    names = {_CLEAN: "trained on clean data", "with": f"t_n = {t}, with", "without": f"t_n = {t}, without"}
    return names.get(kind, kind)
