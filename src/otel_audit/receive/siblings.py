"""Metrics of workers that share a port: whichever is asked answers for all.

Each leaves its own in a folder now and then, and reads what the others left. Every sample is labelled with its worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from otel_audit.receive.figures import Labels

__all__ = ["WRITE_EVERY_S", "Metric", "Siblings", "forget_metrics"]

WRITE_EVERY_S: Final = 1.0

_GONE_AFTER_S: Final = 10.0
"""A worker that left nothing for so long is not there; the one that follows it begins its counters anew."""

Metric: TypeAlias = "tuple[str, str, str, Mapping[Labels, float]]"
"""Name, type, help and samples by labels."""

_Left: TypeAlias = list[tuple[str, str, str, list[tuple[tuple[tuple[str, str], ...], float]]]]

_LEFT: Final = msgspec.json.Decoder(_Left)


class Siblings:
    """What one worker leaves and finds.

    Args:
        folder: that all of them have in common, and nobody else.
        number: of this one, from 0.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number

    def leave(self, metrics: Iterable[Metric]) -> None:
        """Leave ours for the others.

        Raises:
            OSError: the folder cannot be written.
        """
        left = [(name, kind, meaning, list(samples.items())) for name, kind, meaning, samples in metrics]
        staged = self._folder / f".{self._number}"
        staged.write_bytes(msgspec.json.encode(left))
        staged.replace(self._folder / f"{self._number}.json")

    def with_others(self, metrics: Iterable[Metric]) -> Iterator[Metric]:
        """Ours and theirs, each name once."""
        merged: dict[str, tuple[str, str, dict[Labels, float]]] = {}
        for name, kind, meaning, samples in metrics:
            merged[name] = kind, meaning, _labelled(samples.items(), str(self._number))
        for file in sorted(self._folder.glob("*.json")):
            if file.stem == str(self._number):
                continue
            for name, kind, meaning, samples_left in _read(file):
                _, _, known = merged.setdefault(name, (kind, meaning, {}))
                known.update(_labelled(samples_left, file.stem))
        for name, (kind, meaning, labelled) in merged.items():
            yield name, kind, meaning, labelled


def forget_metrics(folder: Path, number: int) -> None:
    """A worker is gone: what it left is not so any more."""
    (folder / f"{number}.json").unlink(missing_ok=True)


def _labelled(samples: Iterable[tuple[Labels, float]], worker: str) -> dict[Labels, float]:
    return {(*labels, ("worker", worker)): value for labels, value in samples}


def _read(file: Path) -> _Left:
    try:
        if time.time() - file.stat().st_mtime > _GONE_AFTER_S:
            return []
        return _LEFT.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError):
        # The worker ends just now, or another version of it wrote this: its samples are missing this once.
        return []
