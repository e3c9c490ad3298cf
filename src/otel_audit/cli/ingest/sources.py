"""Places where files of OTLP come to be: folders, single files, and prefixes of buckets."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from otel_audit.errors import ConfigurationError, InputError, Missing
from otel_audit.store.base import Store
from otel_audit.store.open import open_store
from otel_audit.store.url import Scheme, parse_url

__all__ = ["Found", "Source", "open_source"]

SETTLED_S: Final = 5.0
"""A local file that nobody has written to for so long is taken to be whole."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there.

    Attributes:
        name: what it is called, its place included.
        path: what its source knows it by.
        size: bytes.
        stamp: another one says that the content may be another, though the size is the same.
        is_settled: nobody is writing to it.
    """

    name: str
    path: str
    size: int
    stamp: str
    is_settled: bool


class Source(Protocol):
    """Where files come to be.

    Attributes:
        name: what it is called; the same for the same place.
    """

    name: str

    def list(self) -> Iterator[Found]:
        """What is there now. Raises InputError, StoreError, after what can be seen all the same."""

    def open(self, found: Found) -> io.BufferedReader | None:
        """A file's content; None if it is not there any more. Raises InputError, StoreError."""

    def close(self) -> None:
        """Give back what it holds."""


def open_source(text: str) -> Source:
    """A folder, a file, or a ``gs://``, ``s3://`` or ``abfs://`` URL.

    Raises:
        ConfigurationError: it is none of these, or there is no such folder or file.
    """
    url = parse_url(text)
    if url.scheme is not Scheme.FILE:
        return _Prefix(open_store(url))
    place = Path(url.prefix)
    if not place.exists():
        raise ConfigurationError(f"{place}: there is no such folder or file")
    return _Local(place)


class _Local:
    def __init__(self, place: Path) -> None:
        self.name, self._place = str(place), place

    def list(self) -> Iterator[Found]:
        unreadable: list[OSError] = []
        is_folder = self._place.is_dir()
        for path in sorted(_files(self._place, unreadable)) if is_folder else [self._place]:
            try:
                status = path.stat()
            except FileNotFoundError:
                # A file exporter renames its files whenever it likes.
                continue
            except OSError as error:
                unreadable.append(error)
                continue
            if stat.S_ISREG(status.st_mode):
                is_settled = time.time() - status.st_mtime >= SETTLED_S
                yield Found(str(path), str(path), status.st_size, str(status.st_mtime_ns), is_settled)
        if unreadable:
            raise InputError("cannot be read", source=str(unreadable[0].filename)) from unreadable[0]

    def open(self, found: Found) -> io.BufferedReader | None:
        try:
            return open(found.path, "rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError("cannot be read", source=found.name) from error

    def close(self) -> None:
        pass


class _Prefix:
    def __init__(self, store: Store) -> None:
        self.name, self._store = store.url, store

    def list(self) -> Iterator[Found]:
        for one in self._store.list():
            # Objects come into being whole.
            yield Found(f"{self.name}/{one.path}", one.path, one.size, "", True)

    def open(self, found: Found) -> io.BufferedReader | None:
        try:
            return io.BufferedReader(cast("io.RawIOBase", self._store.open_input(found.path)), 1 << 20)
        except Missing:
            return None

    def close(self) -> None:
        self._store.close()


def _files(folder: Path, unreadable: list[OSError]) -> Iterator[Path]:
    """Every file below, but for hidden ones and what is in hidden folders."""
    for place, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in names if not name.startswith("."))
