from __future__ import annotations

from paper_repro.backends import backend_of
from paper_repro.makers.small_models import Models, StandIn
from paper_repro.options import Options
from paper_repro.planning.jobs import Job, entry, total
from paper_repro.registry.artefacts import ARTEFACTS


def test_the_papers_numbers_are_planned() -> None:
    backend = backend_of(Options(scale="paper"))
    products = backend.products([product for a in ARTEFACTS for product in a.products], [])
    jobs = {job.title: job for product in products for job in product.cost(backend)}
    assert jobs["LoRA ambient-500 on ffhq"].trained == 200_000 * 16  # P1, appendix B
    assert jobs["LoRA consistency-500 on ffhq"].updates == 50_000
    cifar = next(job for title, job in jobs.items() if "models of cifar10" in title)
    assert cifar.trained == 3 * 7 * 30_000 * 256  # three sizes, DDPM and six levels


def test_small_models_are_counted_by_size_level_and_split() -> None:
    backend = backend_of(Options(scale="cpu", seeds=(0, 1)))
    (job,) = Models(("ffhq",), ("dsm", "hybrid"), (0, 2), "all").cost(backend)
    assert job.title == "16 models of digits: dsm, hybrid; N = 30, 300"  # (1 + 3 levels) * 2 sizes * 2 splits
    assert job.updates == 16 * 800
    (job,) = StandIn("early-stop", 500).cost(backend)
    assert (job.updates, job.trained) == (2 * 800, 2 * 800 * 64)


def test_jobs_add_up() -> None:
    jobs = [
        Job(title="a", updates=1, trained=2, generated=3, hours=0.5, disk=1.0),
        Job(title="b", updates=10, hours=2.0),
    ]
    assert entry(total(jobs)) == ("all together", "11", "2", "3", "2.5", "1.0")
    assert entry(total([]))[1:] == ("0", "0", "0", "-", "< 0.1")
