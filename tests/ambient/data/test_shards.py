from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.data.shards import DamagedShardError, ShardedSamples, count_rows, is_shard, save_shard
from ambient.process import VP

NATURE = VP().level(0.5)


def _write(folder: Path, sizes: tuple[int, ...] = (3, 1, 4), clean: bool = False) -> tuple[list[Path], Batch]:
    """Shards, and all their rows as one batch."""
    g = torch.Generator().manual_seed(0)
    paths, parts = [], []
    for i, n in enumerate(sizes):
        tensors = {
            "x": torch.randn(n, 2, 2, generator=g),
            "index": torch.arange(n) + 100 * i,
            "condition.size": torch.randn(n, 6, generator=g),
            "shared.states": torch.randn(2, 5, 3, generator=g),
            "shared": torch.randint(0, 2, (n,), generator=g),
        }
        if clean:
            tensors["clean"] = torch.randn(n, 2, 2, generator=g)
        paths.append(folder / f"{i}.safetensors")
        save_shard(paths[-1], tensors, "k")
        parts.append(tensors | {"states": tensors["shared.states"][tensors["shared"]]})
    whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    condition = {"size": whole["condition.size"], "states": whole["states"]}
    return paths, Batch(whole["x"], NATURE, whole["index"], whole.get("clean"), condition)


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("rows", [[0], [7], [2, 3, 4], [6, 0, 3, 0], list(range(8))])
def test_rows_are_those_of_the_shards_in_their_order(tmp_path: Path, rows: list[int], clean: bool) -> None:
    paths, whole = _write(tmp_path, clean=clean)
    samples = ShardedSamples(paths, NATURE, "k")
    assert len(samples) == 8
    assert samples.fingerprint() == "k"
    batch = samples.batch(torch.tensor(rows))
    expected = whole[torch.tensor(rows)]
    assert torch.equal(batch.x, expected.x)
    assert torch.equal(batch.index, expected.index)
    assert batch.nature is NATURE
    assert batch.condition.keys() == {"size", "states"}
    for name, value in batch.condition.items():
        assert torch.equal(value, expected.condition[name])
    if clean:
        assert isinstance(batch.clean, Tensor)
        assert isinstance(expected.clean, Tensor)
        assert torch.equal(batch.clean, expected.clean)
    else:
        assert batch.clean is None


def test_a_shard_that_is_missing_cut_or_of_other_data_is_named(tmp_path: Path) -> None:
    paths, _ = _write(tmp_path)
    with pytest.raises(DamagedShardError, match=r"0\.safetensors .*another file .*\(key k, not other\)"):
        ShardedSamples(paths, NATURE, "other")
    paths[1].write_bytes(paths[1].read_bytes()[:-7])
    with pytest.raises(DamagedShardError, match=r"1\.safetensors is damaged"):
        ShardedSamples(paths, NATURE, "k")
    paths[1].unlink()
    with pytest.raises(DamagedShardError, match=r"1\.safetensors is missing"):
        ShardedSamples(paths, NATURE, "k")
    assert count_rows(paths[2], "k") == 4


def test_a_sibling_cannot_stand_in_for_a_shard(tmp_path: Path) -> None:
    paths, _ = _write(tmp_path, (3, 3))
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    with pytest.raises(DamagedShardError, match=r"0\.safetensors .*\(name 1\.safetensors, not 0\.safetensors\)"):
        ShardedSamples(paths, NATURE, "k")
    assert not is_shard(paths[0], "k")


def test_a_flipped_bit_is_noticed_when_the_shard_is_first_read(tmp_path: Path) -> None:
    paths, _ = _write(tmp_path)
    content = bytearray(paths[2].read_bytes())
    content[-5] ^= 4
    paths[2].write_bytes(bytes(content))
    samples = ShardedSamples(paths, NATURE, "k")
    samples.batch(torch.tensor([0, 3]))
    with pytest.raises(DamagedShardError, match=r"2\.safetensors is damaged: its contents do not match its checksum"):
        samples.batch(torch.tensor([4]))
    assert [is_shard(path, "k") for path in paths] == [True, True, False]
