"""What a run would do and cost: the dry run. Hours are those of one A100, by orders of magnitude.

A product knows its own costs (`paper_repro.makers`); this module adds them up and shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("product", "steps", "images trained on", "images generated", "GPU hours", "disk, GB")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One product of a plan.

    Attributes:
        title: What is made.
        updates: Training steps.
        trained: Images seen in training.
        generated: Images generated or restored.
        hours: On one A100.
        disk: In GB.
    """

    title: str
    updates: int = 0
    trained: int = 0
    generated: int = 0
    hours: float = 0.0
    disk: float = 0.0


def total(jobs: Sequence[Job]) -> Job:
    """The sum of some jobs."""
    return Job(
        title="all together",
        updates=sum(job.updates for job in jobs),
        trained=sum(job.trained for job in jobs),
        generated=sum(job.generated for job in jobs),
        hours=sum(job.hours for job in jobs),
        disk=sum(job.disk for job in jobs),
    )


def entry(job: Job) -> tuple[str, ...]:
    """A row of the plan's table, under `HEAD`."""
    hours = "-" if job.hours == 0 else "< 0.1" if job.hours < 0.1 else f"{job.hours:,.1f}"
    disk = "< 0.1" if job.disk < 0.1 else f"{job.disk:,.1f}"
    return (job.title, f"{job.updates:,}", f"{job.trained:,}", f"{job.generated:,}", hours, disk)
