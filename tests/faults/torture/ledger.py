"""What the writers said, kept by the driver: fsynced, with the fault that was on at that moment."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType


class Ledger:
    """A file of lines ``<fault> TAB <mode> TAB ended|acknowledged TAB <id>``. Thread-safe.

    Args:
        path: the file; made, and continued if it exists.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._path, self._lock = path, threading.Lock()

    def note(self, fault: str, mode: str, lines: list[str]) -> None:
        """Keep what a writer said, ``ended <id>`` or ``acknowledged <id>``. On disk when it returns."""
        text = "".join(f"{fault}\t{mode}\t{line.replace(' ', chr(9), 1)}\n" for line in lines)
        with self._lock:
            self._file.write(text.encode())
            os.fdatasync(self._file.fileno())

    def read(self) -> dict[str, dict[tuple[str, str], set[str]]]:
        """State → (fault, mode) → ids."""
        found: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
        for line in self._path.read_text().splitlines():
            fault, mode, state, each = line.split("\t")
            found[state][fault, mode].add(each)
        return found

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
