"""What each number of an audit means, what it would be without memorisation, and when it misleads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """Of one measure, for readers who meet it for the first time.

    Attributes:
        meaning: What the number says.
        expected: What to compare it with.
        misleads: When it says something else.
    """

    meaning: str
    expected: str
    misleads: str


MEASURES: dict[str, Explanation] = {
    "similarity": Explanation(
        "The share of samples that are more similar than this to some training image, without mirroring or shifting.",
        "The same share of unseen images: real images resemble each other too.",
        "Plain pictures, such as a bright object on a white ground, are alike without being copies; mirrored, shifted "
        "or noisy copies are missed. The thresholds of papers hold for their features only.",
    ),
    "m13": Explanation(
        "The share of samples that are less than a third as far from their nearest training image as from the second "
        "nearest. Training images that are equal count once.",
        "Near 0 for unseen images.",
        "Residual noise, mirroring or cropping hides copies. So do near-duplicates in the training set: the second "
        "nearest is then near as well. It says nothing of samples that blend two images.",
    ),
    "p_train": Explanation(
        "The share of samples that are nearer to the training set than to an equally large set of unseen images.",
        "50 % for a model that knows only the distribution, 100 % for one that copies.",
        "A small lean of every sample and a few outright copies can give the same number. It needs unseen images that "
        "are distributed as the training images are: another camera or year moves it.",
    ),
    "authentic": Explanation(
        "The share of samples that are farther from their nearest training image than that one is from its nearest "
        "neighbour in the training set.",
        "The same share of unseen images; lower means copying.",
        "Blurred or averaged samples lie near everything and look inauthentic; poor samples lie far from everything "
        "and look authentic. One training image that is far from all others passes many samples as inauthentic.",
    ),
    "c_t": Explanation(
        "Whether samples lie nearer to the training set than unseen images do, in standard deviations, within parts of "
        "the training set that k-means finds.",
        "Between about -3 and 3 there is nothing to see; far below, samples are too near; far above, too far.",
        "It grows with the number of images, so that it can be compared only between audits of equally many. Copies "
        "among many poor samples average out: a model can copy and still score above 0.",
    ),
}
"""By the measures' keys."""

COPIES = Explanation(
    "The share of samples that show a training image again: as it is, saved again, mirrored, shifted by up to 1/16 of "
    "the side or cropped to no less than 85 %. A sample is called a copy if its distance to the training image, once "
    "mirrored, shifted and cropped to fit, is small beside that to similar training images. What counts as small is "
    "chosen on known copies and known originals, and the share is corrected for the errors found on them.",
    "0 % within the interval if nothing was copied.",
    "It does not see copies of parts, copies in other colours, larger crops or rotations, or differences smaller than "
    "1/16 of the side. The originals are real images: samples that are smoother than these can come nearer. An "
    "interval that contains 0 does not show that there are no copies.",
)
