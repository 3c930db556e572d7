"""A few thousand damaged and hostile inputs for each reader; `benchmarks.faults.readers` makes as many as one likes."""

from __future__ import annotations

import pytest

from ambient.data.images.validation import UnusableError
from benchmarks.faults.readers import Reader, fuzz, inputs, mutations, readers

COUNTS = {"zip": 150, "tar": 150, "tar.gz": 100, "WebDataset": 100}


@pytest.mark.parametrize("name", readers())
def test_no_input_does_anything_but_be_read_or_refused(name: str) -> None:
    outcome = fuzz(readers()[name], COUNTS.get(name, 1500))
    assert outcome.faults == []
    assert outcome.refused
    if name != "tar.gz":  # whose check sum finds every damage
        assert outcome.refused < outcome.inputs


def test_every_seed_is_read_by_its_reader() -> None:
    for reader in readers().values():
        for content in reader.seeds:
            reader.read(content)


def test_inputs_are_functions_of_their_seeds() -> None:
    reader = readers()["pickle"]
    assert list(inputs(reader, 50)) == list(inputs(reader, 50))
    assert dict(inputs(reader, 10, seed=20)) == {k: v for k, v in inputs(reader, 40) if 20 <= k < 30}
    assert len({mutations(b"some bytes of a file", seed) for seed in range(100)}) > 80


def test_faults_are_found() -> None:
    def read(content: bytes) -> None:
        if b"x" in content:
            raise KeyError("x")
        raise UnusableError("damaged", "")

    outcome = fuzz(Reader(read, (b"x" * 50,), lambda rng: bytes(rng.randrange(10))), 40)
    assert outcome.inputs == 40
    assert outcome.refused + len(outcome.faults) == 40
    assert outcome.faults[0].endswith("KeyError: 'x'")
