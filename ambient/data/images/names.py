"""What the names in a data set say: images, texts beside them, archives inside, and what systems leave lying about.

Nothing is dropped by its name without being listed as left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ambient.data.images.validation import Fault, LeftOut


def _suffixes(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


READABLE = _suffixes("png apng jpg jpeg jpe jfif mpo webp bmp dib gif tif tiff avif")
_OTHER_IMAGES = _suffixes(
    "heic heif jxl jp2 j2k jxr psd xcf svg eps ico icns tga exr hdr pcx ppm pgm pbm pnm qoi dcm raw dng cr2 cr3 nef "
    "arw orf rw2"
)
_TEXTS = _suffixes(
    "json jsonl ndjson txt caption md rst csv tsv html htm ini xml yaml yml log cls bib license sha256 md5 sha1"
)
_TEXT_NAMES = frozenset(("LICENSE", "LICENCE", "README", "NOTICE", "COPYING", "SHA256SUMS", "MD5SUMS", "CITATION"))
_TABLES = frozenset(("metadata.parquet",))
_ARCHIVES = _suffixes("zip tar tgz tbz2 txz gz bz2 xz zst 7z rar")
_SYSTEM_FOLDERS = frozenset(
    (
        "__MACOSX",
        "@eaDir",
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "__pycache__",
    )
)
_SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "ntuser.dat"))


def is_junk(name: str) -> bool:
    """Whether a file is hidden, or what a system, a storage device or a notebook leaves beside a user's files."""
    parts = name.split("/")
    return (
        any(part.startswith(".") for part in parts)
        or any(part in _SYSTEM_FOLDERS for part in parts)
        or parts[-1].lower() in _SYSTEM_FILES
    )


def suffix(name: str) -> str:
    """What follows the last dot of a name, in lower case, with the dot."""
    return PurePosixPath(name).suffix.lower()


def is_image(name: str) -> bool:
    """Whether a name is that of an image in a format that can be read."""
    return suffix(name) in READABLE


def is_unread_image(name: str) -> bool:
    """Whether a name is that of an image in a format that is known and not read."""
    return suffix(name) in _OTHER_IMAGES


def clean(name: str, backslashes: bool = False) -> str | None:
    """The name of an archive's member with "./" and doubled slashes taken out; None if it would lie outside.

    Args:
        name: As the archive has it.
        backslashes: Read backslashes as slashes, as some programs for Windows write them.
    """
    if backslashes:
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts or "\0" in name or not parts:
        return None
    return "/".join(parts)


@dataclass(frozen=True)
class Sorted:
    """The names of a data set, by what they are.

    Attributes:
        images: Images in formats that can be read.
        texts: Texts, which may hold captions or labels.
        left_out: Archives inside.
        faults: Everything else, each by name.
    """

    images: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def sort_out(names: Iterable[str]) -> Sorted:
    """Tell images from texts, archives and all else."""
    found = Sorted()
    for name in names:
        end = suffix(name)
        if end in READABLE:
            found.images.append(name)
        elif end in _TEXTS or PurePosixPath(name).name.upper() in _TEXT_NAMES or PurePosixPath(name).name in _TABLES:
            found.texts.append(name)
        elif end in _ARCHIVES:
            found.left_out.append(LeftOut("archive inside", name))
        elif end in _OTHER_IMAGES:
            found.faults.append(Fault("not an image", name, f"{end} is not read; convert it to PNG"))
        else:
            found.faults.append(Fault("not an image", name, "its name is that of no image (.png, .jpg, .webp, ...)"))
    return found
