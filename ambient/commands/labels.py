"""Images to be restored, and their classes where the model has classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ambient.commands.source import Source

if TYPE_CHECKING:
    from torch import Tensor

    from ambient.commands.reading import Images
    from ambient.models.model import Model


def labels_and_images(source: Source, label: str | None, model: Model) -> tuple[Images, Tensor | None]:
    """The images, and the class of each where the model has classes, (N,)."""
    import torch

    from ambient.commands.reading import read
    from ambient.data.images import DataSetError
    from ambient.noise import is_array_source

    if label is not None or not model.classes:
        images = read(source, any_size=True)
        return images, None if label is None else torch.full((len(images),), model.class_of(label))
    known = f"{', '.join(model.classes[:8])}{', ...' if len(model.classes) > 8 else ''}"
    needed = f"the model has classes ({known}) and needs that of each image; {source.source} has none: "
    remedy = "give all images one by --label, or a folder for each class"
    if is_array_source(source.source):
        raise ValueError(f"{needed}numbers have no classes; give all images one by --label")
    try:
        images = read(source, labels=True, any_size=True)
    except DataSetError as error:
        if error.report is not None and any(fault.kind == "no label" for fault in error.report.faults):
            raise ValueError(needed + remedy) from error
        raise
    if strangers := sorted(set(images.classes) - set(model.classes)):
        raise ValueError(
            f"{source.source} has classes that the model does not know ({', '.join(strangers[:3])}); it knows "
            f"{known}: give all images one by --label"
        )
    assert images.labels is not None
    return images, torch.tensor([model.class_of(images.classes[i]) for i in images.labels.tolist()])
