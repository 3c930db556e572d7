"""Models from folders and from the Hugging Face Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ambient.models.folder import ModelFolderError, model_folder
from ambient.models.model import Model


def load(source: str | os.PathLike[str], *, device: str = "cpu", download: bool = False, **options: Any) -> Model:
    """The model of a run, of a model's own folder, or of a repository on the Hub.

    Args:
        source: A folder that `python -m ambient train` or `save_pretrained` wrote, or a Hub id.
        device: Where it goes.
        download: Whether a Hub id may be fetched; without it only what is in the Hub's cache is used.
        options: `revision`, `token` and `cache_dir` of the Hub.

    Raises:
        ModelFolderError: If there is no model there, saying what is.
    """
    folder = Path(source)
    if folder.is_dir():
        return Model.from_pretrained(model_folder(folder)).to(device).eval()
    if folder.exists():
        raise ModelFolderError(f"{source} is a file; give the folder of a run or of a model")
    if str(source).count("/") != 1 or str(source).startswith((".", "/", "~")):
        raise ModelFolderError(f"{source}: there is no such folder")
    try:
        return Model.from_pretrained(str(source), local_files_only=not download, **options).to(device).eval()
    except FileNotFoundError as error:
        hint = "" if download else "; it is not in the cache either: allow the network with --download"
        raise ModelFolderError(f"{source}: there is no such folder{hint}") from error
