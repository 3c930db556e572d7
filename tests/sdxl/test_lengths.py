"""Captions that are cut are counted, and the first is shown."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from accelerate import Accelerator

from sdxl.components import Components
from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.lengths import LongCaptions
from sdxl.options import Sampler
from sdxl.pairs import Source
from tests.sdxl.conftest import make_pictures, on_cpu


def test_the_limit_is_where_the_text_encoders_stop_reading(components: Components) -> None:
    """A caption of 75 words, each a token, is read whole, and of one of 76 the last word makes no difference."""
    whole, long, other = "a " * 75, "a " * 75 + "cat", "a " * 75 + "dog"
    states = [components.encode_prompts([text])["encoder_hidden_states"] for text in (whole, long, other)]
    assert states[1].equal(states[2])
    assert not components.encode_prompts(["a " * 74 + "cat"])["encoder_hidden_states"].equal(states[0])
    found = LongCaptions(components).add(["", whole, long, other])
    assert (found.longest, found.seen, found.count) == (77, 4, 2)
    assert found.first == (long, 78)


def test_it_is_said_once_with_the_number_and_the_first(components: Components) -> None:
    found = LongCaptions(components).add(["cat", "a " * 90, "dog " * 100])
    with pytest.warns(UserWarning, match="2 of 3 captions have more than the 77 tokens .* with 92: a a a a") as said:
        found.say("captions")
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LongCaptions(components).add(["cat"]).say("captions")
    counts = [(10, 0, None), (20, 3, ("a dog", 80))]
    with pytest.warns(UserWarning, match="3 of 30 captions .* with 80: a dog"):
        LongCaptions(components).merge(counts).say("captions")


def test_latents_and_images_say_it(xl: Path, tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    data = make_pictures(tmp_path / "data", 4)
    text = (data / "metadata.jsonl").read_text()
    (data / "metadata.jsonl").write_text(text.replace("a photo of a cat", "a photo of a cat" + " and a dog" * 30))
    options = LatentOptions(Source(str(data)), on_cpu(xl, tmp_path / "cache"), nature=500)
    with pytest.warns(UserWarning, match=r"1 of 4 captions have more than the 77 tokens .*: a photo of a cat and"):
        write_latents(options, accelerator)
    drawn = GenerateOptions(
        run=on_cpu(xl, tmp_path / "images"), samples=1, sampler=Sampler(steps=1), prompt="a dog " * 50
    )
    with pytest.warns(UserWarning, match=r"1 of 1 prompts have more than the 77 tokens .*: a dog a dog"):
        generate(drawn, accelerator)
