"""An audit: what samples, their training images and, where there are any, held-out images say of memorisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ambient.audit import duplicates, inputs, probes
from ambient.audit.duplicates import Duplicates, distinct_rows, exact_groups
from ambient.audit.intervals import Interval, effective
from ambient.audit.matching import Matcher, Matches, ratio
from ambient.audit.measures import Measure, measure
from ambient.audit.neighbours import Space
from ambient.audit.options import Reading, Split
from ambient.audit.pictures import correlation, seen_through
from ambient.audit.planted import Calibration, calibrate
from ambient.metrics.features import FeatureMap, Pixels
from ambient.metrics.similarity import P1_THRESHOLDS
from ambient.randomness import generator, permutation

_PROBES = 400
"""Training images of which known copies are made, at most."""
_ORIGINALS = 2000
"""Training images that are compared with all others, at most."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A sample beside the training image that it most resembles.

    Attributes:
        sample: Its name.
        training: That of the training image.
        ratio: r: distance to it over the median distance to its like; small for a copy.
        copied: Whether r lies below the threshold.
        similarity: Correlation of their pixels, once matched.
        how: How the sample was matched: "mirrored", "cropped to 90 %"; empty for as it is.
        image: The sample, (C, H, W) in [-1, 1].
        match: The training image, mirrored and cropped as the sample is, (C, H, W).
    """

    sample: str
    training: str
    ratio: float
    copied: bool
    similarity: float
    how: str
    image: Tensor
    match: Tensor


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        sources: Where the samples, training and held-out images came from, by role.
        copies: The share of samples that are copies of training images.
        calibration: The test behind it, and how often it errs.
        ratios: r of each sample, (N,).
        originals: r of the known originals, (M,).
        measures: The field's measures.
        duplicates: How often each set repeats itself, by role.
        leaked: Held-out images that equal a training image, mirrored or not; they were left out.
        pairs: Samples beside their nearest training images, the nearest first.
        flagged: Every sample that tests positive, as its name, its training image's, r and how it was matched.
        notes: What was left out, clipped or guessed.
        features: What the measures were computed on.
        confidence: Of all intervals.
    """

    sources: dict[str, str]
    copies: Interval
    calibration: Calibration
    ratios: Tensor
    originals: Tensor
    measures: tuple[Measure, ...]
    duplicates: dict[str, Duplicates]
    leaked: int
    pairs: tuple[Pair, ...]
    flagged: tuple[tuple[str, str, float, str], ...]
    notes: tuple[str, ...]
    features: str
    confidence: float

    def record(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON; shares in [0, 1], and null for what has no value."""
        test = self.calibration
        return {
            "sources": self.sources,
            "confidence": self.confidence,
            "copies": {**dataclasses.asdict(self.copies), "positive": len(self.flagged), "of": len(self.ratios)},
            "test": {
                "threshold": test.threshold,
                "false_alarms": dataclasses.asdict(test.false_high),
                "measured_on": test.originals,
                "found": {kind: dataclasses.asdict(count) for kind, count in test.found.items()},
                "left_out": list(test.left_out),
            },
            "features": self.features,
            "measures": [
                {"name": m.title, "key": m.key, **dataclasses.asdict(m.value), "unseen": m.unseen, "detail": m.detail}
                for m in self.measures
            ],
            "duplicates": {role: dataclasses.asdict(found) for role, found in self.duplicates.items()},
            "held_out_in_training": self.leaked,
            "notes": list(self.notes),
            "flagged": [
                {"sample": sample, "training": training, "ratio": round(r, 4), "matched": how}
                for sample, training, r, how in self.flagged
            ],
        }


def audit(
    samples: inputs.Source,
    training: inputs.Source,
    held_out: inputs.Source | None = None,
    *,
    reading: Reading | None = None,
    training_split: Split | None = None,
    held_out_split: Split | None = None,
    features: FeatureMap | None = None,
    thresholds: Sequence[float] = P1_THRESHOLDS,
    pairs: int = 24,
    confidence: float = 0.95,
    seed: int = 0,
) -> Audit:
    """Measure how much samples repeat their training images.

    Args:
        samples: Images (N, C, H, W), uint8 or floats in [-1, 1]; or a source of images that
            `ambient.data.images.load_images` reads.
        training: What the model was trained on, of the same size and channels.
        held_out: Images like the training images that the model never saw. With them the test for copies knows its
            false alarms better, and P_tr and C_T can be computed.
        reading: How sources are read; `Reading()` by default.
        training_split: Part of the training source, if it has parts; None for its training images.
        held_out_split: The same of the held-out source.
        features: What the measures are computed on; pixels by default. Copies are always looked for in pixels.
        thresholds: Each c of S > c.
        pairs: How many pairs are kept as pictures.
        confidence: Of all intervals, in (0, 1).
        seed: Of every random choice.

    Raises:
        DataSetError: If a source cannot be read.
        ValueError: If a set is too small, or the sets cannot be compared.
    """
    reading = reading or Reading()
    ours = inputs.gather(samples, "samples", reading)
    known = inputs.gather(training, "training", reading, training_split)
    unseen = None if held_out is None else inputs.gather(held_out, "held-out", reading, held_out_split)
    inputs.check_alike(ours, known, *([] if unseen is None else [unseen]))
    search = _Search.of(ours, known, unseen, seed)
    test = search.calibrated()
    clusters, counted = search.repeats(test.threshold)
    positive = search.matches.ratios < test.threshold
    once = known.images[distinct_rows(exact_groups(known.pixels))]
    space = Space.of(features or Pixels(), ours.images, once, None if unseen is None else search.unseen)
    return Audit(
        sources={p.role: p.source for p in (ours, known, *([] if unseen is None else [unseen]))},
        copies=test.copies(effective(positive, clusters), confidence, seed),
        calibration=test,
        ratios=search.matches.ratios,
        originals=search.originals,
        measures=tuple(measure(space, clusters, thresholds, confidence, seed)),
        duplicates=counted,
        leaked=search.leaked,
        pairs=tuple(search.pairs(pairs, test.threshold)),
        flagged=tuple(search.flagged(test.threshold)),
        notes=(*ours.notes, *known.notes, *(() if unseen is None else unseen.notes), *search.notes),
        features=space.name,
        confidence=confidence,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Matches among all sets, exact duplicates of the training set once.

    Attributes:
        samples: The samples.
        training: All training images.
        kept: Rows of the training images that are searched, (n,).
        matcher: The search among them.
        matches: Those of the samples.
        among: Matches of some training images, each against the others.
        unseen: Held-out images that equal no training image, (m, C, H, W), or None.
        originals: r of the known originals, (M,).
        leaked: Held-out images left out.
        seed: Of every random choice.
    """

    samples: inputs.Pictures
    training: inputs.Pictures
    kept: Tensor
    matcher: Matcher
    matches: Matches
    among: Matches
    unseen: Tensor | None
    originals: Tensor
    leaked: int
    seed: int

    @classmethod
    def of(
        cls, samples: inputs.Pictures, training: inputs.Pictures, held_out: inputs.Pictures | None, seed: int
    ) -> _Search:
        kept = distinct_rows(exact_groups(training.pixels, mirrored=True))
        if len(kept) < inputs.FEWEST:
            raise ValueError(
                f"training: {len(training)} images, but only {len(kept)} that are not duplicates; "
                f"an audit needs at least {inputs.FEWEST}"
            )
        images = training.images[kept]
        matcher = Matcher(images)
        some = permutation(len(kept), "subset", seed)[:_ORIGINALS]
        among = matcher(images[some], some)
        unseen, leaked, originals = None, 0, among.ratios
        if held_out is not None:
            both = exact_groups(torch.cat((training.pixels, held_out.pixels)), mirrored=True)[len(training) :]
            new = both >= len(training)
            leaked = int((~new).sum())
            if int(new.sum()) < inputs.FEWEST:
                raise ValueError(
                    f"held-out: {leaked} of {len(held_out)} images are training images; "
                    f"an audit needs at least {inputs.FEWEST} that are not"
                )
            unseen = held_out.images[new]
            originals = matcher(unseen).ratios
        return cls(samples, training, kept, matcher, matcher(samples.images), among, unseen, originals, leaked, seed)

    @property
    def notes(self) -> list[str]:
        """What was left out."""
        return [f"{self.leaked} held-out images equal a training image and were left out"] if self.leaked else []

    def calibrated(self) -> Calibration:
        """The test for copies, on copies made of training images."""
        rows = self.kept[permutation(len(self.kept), "subset", self.seed)[:_PROBES]]
        images, source = self.training.images[rows], generator("subset", self.seed, 16)
        known = {kind: self.matcher(make(images, source)).ratios for kind, make in probes.KINDS.items()}
        return calibrate(known, self.originals, self.among.second_ratios if self.unseen is None else None, self.seed)

    def repeats(self, threshold: float) -> tuple[Tensor, dict[str, Duplicates]]:
        """Which samples are duplicates, (N,) integers, and how often samples and training images repeat themselves.

        Samples are duplicates if they are equal, resemble each other, or are copies of one training image. A distance
        between samples is small in terms of the first one's distances to training images: samples of a collapsed model
        resemble each other all alike.
        """
        exact = exact_groups(self.samples.pixels, mirrored=True)
        rows, alike = distinct_rows(exact), torch.zeros(0, dtype=torch.bool)
        links = [torch.stack((torch.arange(len(exact)), exact)), self._copied_alike(threshold)]
        if len(rows) > 2:
            images = self.samples.images[rows]
            found = Matcher(images, shifts=False)(images, torch.arange(len(rows)))
            alike = ratio(found.distances, self.matches.scales[rows]) < threshold
            links.append(torch.stack((rows[alike], rows[found.rows[alike]])))
        training = exact_groups(self.training.pixels, mirrored=True)
        return duplicates.joined(len(exact), torch.cat(links, 1)), {
            "samples": duplicates.count(exact, alike),
            "training": duplicates.count(training, self.among.ratios < threshold),
        }

    def _copied_alike(self, threshold: float) -> Tensor:
        """Links (2, P) from each copy to the first copy of the same training image."""
        copied = (self.matches.ratios < threshold).nonzero()[:, 0]
        _, first, group = np.unique(self.matches.rows[copied], return_index=True, return_inverse=True)
        return torch.stack((copied, copied[torch.from_numpy(first[group])]))

    def pairs(self, number: int, threshold: float) -> list[Pair]:
        """The pairs of the smallest r."""
        found = []
        for i in self.matches.ratios.argsort()[:number].tolist():
            row, warp = int(self.kept[self.matches.rows[i]]), int(self.matches.warps[i])
            image = self.samples.images[i]
            match, covered = seen_through(self.training.images[row], self.matches.family, warp)
            r = float(self.matches.ratios[i])
            found.append(
                Pair(
                    self.samples.names[i],
                    self.training.names[row],
                    r,
                    r < threshold,
                    correlation(image, match, covered),
                    self.matches.family.describe(warp),
                    image,
                    match,
                )
            )
        return found

    def flagged(self, threshold: float) -> list[tuple[str, str, float, str]]:
        """Every sample below the threshold, the smallest r first."""
        found = self.matches
        return [
            (
                self.samples.names[i],
                self.training.names[int(self.kept[found.rows[i]])],
                float(found.ratios[i]),
                found.family.describe(int(found.warps[i])),
            )
            for i in found.ratios.argsort().tolist()
            if found.ratios[i] < threshold
        ]
