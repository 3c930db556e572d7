"""Pretrained files and networks that are verified before they are used."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


class PretrainedError(OSError):
    """A pretrained network cannot be had, or is not the one it should be."""


def verified(path: Path, sha256: str) -> Path:
    """`path`, once its SHA-256 has been compared.

    Raises:
        PretrainedError: If there is no such file, or its content is another.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PretrainedError(f"cannot read {path}: {error.strerror}; download it, and give its path") from error
    if found != sha256:
        raise PretrainedError(f"{path} has the SHA-256 {found}, not {sha256}; delete it and download it again")
    return path


def download(url: str, path: Path, sha256: str) -> Path:
    """The file at `path`, downloaded from `url` if it is not there, and verified.

    Raises:
        PretrainedError: If the download fails, or its content is another.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise PretrainedError(
                f"cannot download {url} ({error}); download it where there is a connection, and give its path"
            ) from error
    return verified(path, sha256)


PINNED = {
    "facebook/dinov2-giant": "611a9d42f2335e0f921f1e313ad3c1b7178d206d",
    "openai/clip-vit-large-patch14": "32bd64288804d66eefd0ccbe215aa642df71cc41",
}
"""The commit that each of these hub ids is taken at."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network: which, and how it runs.

    Attributes:
        source: Hub id, or a folder written by `save_pretrained`. An id is taken at its commit in `PINNED`, or at
            main if it has none.
        online: Allow a download.
        device: Where it runs.
        batch: Images at a time.
    """

    source: str
    online: bool = False
    device: torch.device | str = "cpu"
    batch: int = 64

    @property
    def revision(self) -> str:
        """The commit of a hub id."""
        return PINNED.get(self.source, "main")

    def load(self, kind: str) -> Any:
        """The network, of a class of `transformers`, on its device. Raises PretrainedError as `load_network`."""
        return load_network(kind, self.source, self.revision, self.online).to(self.device)


def load_network(kind: str, source: str, revision: str, online: bool) -> Any:
    """A network of the transformers library, with every weight from its checkpoint.

    Args:
        kind: Name of its class in `transformers`.
        source: A folder written by `save_pretrained`, or a hub id.
        revision: Commit of the hub id.
        online: Allow the hub to be asked; else only a folder or the local cache.

    Raises:
        PretrainedError: If the network cannot be had as safetensors, or its checkpoint lacks weights.
    """
    import transformers
    from transformers.utils import logging as transformers_logging

    local = Path(source).is_dir()
    where = source if local else f"{source} at revision {revision}"
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)  # what is missing is said below, in one line
    try:
        network, found = getattr(transformers, kind).from_pretrained(
            source,
            revision=None if local else revision,
            local_files_only=not online,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        way = "" if local or online else "allow the network with --download (online=True), or "
        raise PretrainedError(
            f"cannot load {where} ({reason}); {way}download it where there is a connection, and give its folder"
        ) from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    if lacking := [*found["missing_keys"], *found["mismatched_keys"]]:
        raise PretrainedError(
            f"{where} is not a {kind}: {len(lacking)} weights are missing or of another shape, such as "
            f"{min(map(str, lacking))}; give the folder of one"
        )
    return network.eval().requires_grad_(False)
