"""An audit as files: a page for people, JSON for programs, a picture for papers."""

from __future__ import annotations

from pathlib import Path

from ambient.audit.auditing import Audit
from ambient.audit.page import render
from ambient.audit.pictures import pairs_picture
from ambient.audit.wording import summary
from ambient.runs.files import write_atomically
from ambient.runs.results import write_results


def save(audit: Audit, folder: Path) -> None:
    """Write audit.html, audit.json and nearest.png, each whole or not at all.

    Raises:
        OSError: If the folder cannot be written.
    """
    page, picture = render(audit), pairs_picture(audit.pairs)
    write_results(folder / "audit.json", {"summary": summary(audit), **audit.record()})
    write_atomically(folder / "nearest.png", lambda file: file.write_bytes(picture))
    write_atomically(folder / "audit.html", lambda file: file.write_text(page, encoding="utf-8"))
