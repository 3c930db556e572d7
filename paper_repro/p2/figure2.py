"""P2, Figure 2: prompts that trigger memorised images, with W24's remedy alone and with Algorithm 1."""

from __future__ import annotations

from paper_repro.makers.evaluation import Evaluation
from paper_repro.makers.pairs import generated, pairs_of, pictures
from paper_repro.makers.run import Run
from paper_repro.p2.table3 import similarity_and_quality
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table

COLUMNS = 6
PROMPTS = (
    '"RISE 24" TriFecta Dishwasher',
    "CANYON CARGO - Outdoor shorts - dark moss",
    "Western Chief Down Hill Trot (Black) Women's Rain Boots",
)
"""The paper's, which are captions of LAION-10k; of data without them the first captions are shown."""
_SIDE = 512
"""Of Stable Diffusion 2's images."""
PAPER = ("0.208", "0.192")
"""Table 3's similarities of W24, and of W24 + ours."""


def prompts(run: Run, products: tuple[Evaluation]) -> Evidence:
    """The rows, and how similar each is to the data."""
    (evaluation,) = products
    found, model = run.make(evaluation), run.backend.title("sd2")
    source, _ = run.backend.source(evaluation.data)
    captioned = [pair for pair in pairs_of(source) if pair.caption][: run.sizes.text_generated]
    # Image i was generated from caption i.
    shown = [i for i, pair in enumerate(captioned) if pair.caption in PROMPTS] or list(range(len(captioned)))[:COLUMNS]
    pairs = [captioned[i] for i in shown]
    rows = {"training images": pictures(pairs, run.backend.resolution("sd2") or _SIDE)}
    names = ("W24", "W24 + ours")
    rows |= {name: generated(folder, shown) for name, folder in zip(names, found.generated, strict=True)}
    base, ours = found.results
    lines = zip(names, (f"{base['similarity']:.3f}", f"{ours['similarity']:.3f}"), PAPER, strict=True)
    head = ("", f"Sim ({found.names['similarity']})", "paper (Table 3)")
    caption = f"{model}; captions: {'; '.join(pair.caption for pair in pairs[:3])}"
    return Evidence(
        (Table(f"{model} on {found.data}", head, tuple(lines)),),
        (similarity_and_quality(base, ours, "W24")[0],),
        {"w24.png": Rows(rows, caption, COLUMNS)},
    )
