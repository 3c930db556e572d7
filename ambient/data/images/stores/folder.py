"""A folder on disk: its regular files. Links are followed only inside it, unless the options say otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from ambient.data.images.names import is_junk
from ambient.data.images.options import FileOptions
from ambient.data.images.stores.base import kind_of, read_file
from ambient.data.images.validation import Fault, LeftOut


class FolderStore:
    """The files below a folder. A link to a folder inside it is not followed: that is read in its own place."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        self.faults: list[Fault] = []
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self._options = options
        self._root = os.path.realpath(path)
        found: list[str] = []
        visited: set[str] = set()
        for folder, folders, files in os.walk(path, followlinks=True, onerror=self._cannot_list):
            visited.add(os.path.realpath(folder))
            folders[:] = [name for name in folders if self._enters(os.path.join(folder, name), visited)]
            for file in files:
                name = self._name(os.path.join(folder, file))
                if is_junk(name):
                    self.left_out.append(LeftOut("hidden or system file", name))
                elif fault := self._fault(os.path.join(folder, file), name):
                    self.faults.append(fault)
                else:
                    found.append(name)
        self.names = sorted(found)

    def read(self, name: str) -> bytes:
        return read_file(self.path / name, self._options.largest_file)

    def close(self) -> None:
        pass

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self.path).replace(os.sep, "/")

    def _leaves(self, path: str) -> bool:
        return not os.path.realpath(path).startswith(os.path.join(self._root, ""))

    def _enters(self, path: str, visited: set[str]) -> bool:
        """Whether a folder is walked into; if not, why."""
        if not os.path.islink(path):
            return True
        name = self._name(path)
        if is_junk(name):
            self.left_out.append(LeftOut("hidden or system file", name))
        elif not self._leaves(path) or os.path.realpath(path) in visited:
            self.left_out.append(LeftOut("link inside the set", name))
        elif self._options.follow_links:
            return True
        else:
            self.faults.append(_link(name, path))
        return False

    def _fault(self, path: str, name: str) -> Fault | None:
        try:
            kind = kind_of(os.stat(path).st_mode)
        except OSError as error:
            reason = error.strerror or str(error)
            return Fault("unreadable", name, f"a broken link: {reason}" if os.path.islink(path) else reason)
        if os.path.islink(path) and self._leaves(path) and not self._options.follow_links:
            return _link(name, path)
        return Fault("unreadable", name, f"it is {kind}, not a file") if kind else None

    def _cannot_list(self, error: OSError) -> None:
        name = self._name(os.fsdecode(error.filename)) if error.filename else "."
        self.faults.append(Fault("unreadable", name, f"a folder that cannot be listed: {error.strerror}"))


def _link(name: str, path: str) -> Fault:
    return Fault("link out of the set", name, f"to {os.path.realpath(path)}; copy the file here, or set follow_links")
