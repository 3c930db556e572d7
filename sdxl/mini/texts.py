r"""The text encoders of a mini model: CLIP's architecture, taught to tell the captions' classes apart, then frozen.

What the U-Net is given of a caption are the last but one states of both encoders, side by side, and the pooled
projection of the second. Of an encoder of random weights they depend on the wording as much as on what is shown. So
both are first trained, a minute or less, to name the class of each caption from each of the three by a linear map,
which is then thrown away:

    loss = sum over first states, second states, pooled of the cross-entropy of the class,

the states taken where the text ends. Each update sees every caption once. There is nothing to generalise to: the
captions are all there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from ambient.data import Batch, Samples
from ambient.objectives import Loss, Objective
from ambient.process import Level
from ambient.randomness import Draws
from ambient.training import TrainingConfig, train
from sdxl.mini.captions import captions_of
from sdxl.tiny.parts import make_text_encoder

WIDTHS = (32, 48)
"""Length of the states of each encoder."""


class Readers(nn.Module):
    """Both text encoders with the linear maps that name a class from what the U-Net is given.

    Args:
        tokenizer: Of either: they differ in what fills up, which follows where the text ends.
        classes: How many classes.
    """

    def __init__(self, tokenizer: CLIPTokenizer, classes: int) -> None:
        super().__init__()
        self.text_encoder = make_text_encoder(CLIPTextModel, tokenizer, WIDTHS[0], "quick_gelu")
        self.text_encoder_2 = make_text_encoder(CLIPTextModelWithProjection, tokenizer, WIDTHS[1], "gelu")
        for encoder in (self.text_encoder, self.text_encoder_2):
            # CLIP begins with embeddings of length .02, which many long runs make larger; this one is short.
            embeddings = encoder.text_model.embeddings if hasattr(encoder, "text_model") else encoder.embeddings
            nn.init.normal_(embeddings.token_embedding.weight)
            nn.init.normal_(embeddings.position_embedding.weight, std=0.3)
        self.end = int(tokenizer.eos_token_id)
        self.heads = nn.ModuleList([nn.Linear(width, classes) for width in (*WIDTHS, WIDTHS[1])])

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """Scores of the classes, (B, classes), from each of the three.

        Args:
            first: Token numbers for the first encoder, (B, 77) int64.
            second: For the second.
        """
        ends = (first == self.end).int().argmax(1)
        rows = torch.arange(len(first))
        one = self.text_encoder(first, output_hidden_states=True)
        two = self.text_encoder_2(second, output_hidden_states=True)
        given = [one.hidden_states[-2][rows, ends], two.hidden_states[-2][rows, ends], two.text_embeds]
        return [head(values) for head, values in zip(self.heads, given, strict=True)]


@dataclass(frozen=True)
class Naming(Objective):
    """The loss of the module; a batch holds token numbers, (B, 2, 77), and as its condition the label, (B,)."""

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        """The loss per caption, with the share of classes named right as its second term."""
        labels = batch.condition["label"]
        scores = denoiser(batch.x[:, 0], batch.x[:, 1])
        losses = [nn.functional.cross_entropy(values, labels, reduction="none") for values in scores]
        right = torch.stack([values.argmax(1) == labels for values in scores]).double().mean(0)
        clean = Level(torch.ones(len(labels)), torch.zeros(len(labels)))
        total = torch.stack(losses).sum(0)
        return Loss(total, {"naming": total.detach(), "right": right}, clean)


def token_numbers(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Token numbers as the pipelines make them, (N, 77) int64."""
    made = tokenizer(list(texts), padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    numbers: Tensor = made.input_ids
    return numbers


def train_readers(
    readers: Readers, tokenizers: Sequence[CLIPTokenizer], classes: Sequence[str], config: TrainingConfig, folder: Path
) -> None:
    """Train both encoders in place, or go on with the run that `folder` holds.

    Args:
        readers: The encoders.
        tokenizers: The tokenizer of each.
        classes: Names of the classes.
        config: How; its batch should be the number of captions.
        folder: Of the run; see `ambient.training.train`.

    Raises:
        As `ambient.training.train`.
    """
    captions = captions_of(classes)
    texts = [text for texts in captions for text in texts]
    labels = torch.tensor([label for label, texts in enumerate(captions) for _ in texts])
    numbers = torch.stack([token_numbers(tokenizer, texts) for tokenizer in tokenizers], 1)
    samples = Samples(numbers, Level.clean(), torch.arange(len(texts)), condition={"label": labels})
    train(readers, Naming(), samples, config, folder, identity={"captions": captions}, watch=False)
