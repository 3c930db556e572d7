"""P1, Figure 6: unconditional generations with and without consistency at each nature level."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from paper_repro import data, make_sdxl, make_toy, pictures, show, substitutes
from paper_repro.claims import Test, above, below, over_either
from paper_repro.products import NATURES, Images, Substitutes
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop
from sdxl.images import choose, load_images
from toy.data import split_of

_METHODS = {"ambient": "without", "early-stop": "without", "consistency": "with", "ambient+consistency": "with"}


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The generations, and how much detail they have."""
    images: dict[tuple[str, int], list[Tensor]] = {}
    for product in artefact.products:
        assert isinstance(product, Images)
        assert product.tune is not None
        made = pictures.generated(make_sdxl.make(shop, product).path, shop.sizes.few)
        images[_METHODS.get(product.tune.method, "clean"), product.tune.nature] = [made]
    title = make_sdxl.model_title(shop)
    shown = {show.draw(folder, "generations.png", _rows(images)): title}
    source = data.source(shop, "ffhq")[0]
    real = load_images(choose(source, shop.sizes.few, 0), shop.sizes.resolution)[0]
    tables = [_table(title, {**images, ("real images", 0): [real]})]
    if not shop.options.substitute:
        return Finding(tuple(tables), tuple(_tests(images, [real])), shown)
    small, unseen = _substitute(shop, artefact.substitute[0])
    shown[show.draw(folder, "generations-digits.png", _rows(small), 12)] = "small models on digits"
    tables.append(_table("small models on digits", {**small, ("unseen real images", 0): unseen}))
    surrogates = (*substitutes.SURROGATES, "our recipe of consistency (`ambient.objectives.recommended`) for P1's")
    return Finding(tuple(tables), tuple(_tests(small, unseen)), shown, surrogates)


def _substitute(shop: Workshop, product: Substitutes) -> tuple[dict[tuple[str, int], list[Tensor]], list[Tensor]]:
    block = make_toy.substitute_block(shop)
    images: dict[tuple[str, int], list[Tensor]] = {}
    real = []
    for t, cells in make_toy.make_substitutes(shop, product).items():
        for cell in sorted(cells, key=lambda cell: cell.seed):
            samples = make_toy.samples_of(shop, block, cell)
            images.setdefault((_METHODS.get(cell.method, "clean"), t), []).append(samples)
            if t == 0:
                options = make_toy.toy_options(shop, block, ("dsm",), cell.images, (block.middle,))
                real.append(split_of(options.source, cell.images, cell.seed).held_out)
    return images, real


def _tests(images: dict[tuple[str, int], list[Tensor]], real: list[Tensor]) -> list[Test]:
    """Blur that grows without consistency, and detail that comes nearer to that of real images with it."""
    tests = []
    for a, b in ((100, 500), (500, 800)):
        pairs = list(zip(images["without", a], images["without", b], strict=True))
        ratio = over_either(lambda x, y: show.detail(x) / show.detail(y), pairs)
        tests.append(above(f"detail without consistency larger at t_n = {a} than at {b} (ratio above 1)", ratio, 1.0))
    for t in (500, 800):
        three = list(zip(images["with", t], images["without", t], real, strict=True))
        claim = f"detail at t_n = {t} nearer to real images' with consistency than without (ratio below 1)"
        tests.append(below(claim, over_either(_nearness, three, paired=False), 1.0))
    return tests


def _nearness(with_it: Tensor, without: Tensor, real: Tensor) -> float:
    """Distance of the detail of some images to that of real ones, in that of others."""
    target = show.detail(real)
    return abs(show.detail(with_it) - target) / abs(show.detail(without) - target)


def _table(title: str, images: dict[tuple[str, int], list[Tensor]]) -> Table:
    rows = [(_name(*key), show.spread(show.each(sets, show.detail), 4), "not given") for key, sets in images.items()]
    return Table(f"{title}; detail: mean squared difference of neighbouring pixels", ("", "ours", "paper"), tuple(rows))


def _rows(images: dict[tuple[str, int], list[Tensor]]) -> dict[str, Tensor]:
    order = [("clean", 0), *((method, t) for t in NATURES for method in ("without", "with"))]
    return {_name(*key): images[key][0] for key in order}


def _name(method: str, t: int) -> str:
    return {"clean": "trained on clean data", "with": f"t_n = {t}, with", "without": f"t_n = {t}, without"}.get(
        method, method
    )
