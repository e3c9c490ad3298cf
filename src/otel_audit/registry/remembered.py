"""What a process read of the registries, kept beside the spool for the next one that starts.

::

    <spool>/models/<16 hex>.json

So a process that starts while a destination is away goes by the last state known on this machine. It is no
source of truth: what is there is checked like what is read from the destination, and what cannot be read counts
as nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from otel_audit.errors import IntegrityError
from otel_audit.mask.tags import ModelTag
from otel_audit.registry.options import RegistryOptions
from otel_audit.registry.state import EMPTY, RegistryState
from otel_audit.shapes import ready_to_read

__all__ = ["Reading", "Remembered"]

_log = logging.getLogger(__name__)

_LARGEST: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What registries said.

    Attributes:
        state: the registry at the destination; None if it was never read.
        mlflow: tags of MLflow's; None if it was never read.
    """

    state: RegistryState | None = None
    mlflow: tuple[ModelTag, ...] | None = None


@ready_to_read
class _Kept(msgspec.Struct, frozen=True):
    versions: list[str] | None
    mlflow: list[ModelTag] | None


class Remembered:
    """The file of one place. Never raises: without it a process only has to wait, or to assume the worst.

    Args:
        options: which registries, and where the file is.
    """

    def __init__(self, options: RegistryOptions) -> None:
        where = f"{options.url}\n{options.mlflow_tracking_uri}"
        self._path = options.folder / f"{hashlib.sha256(where.encode()).hexdigest()[:16]}.json"

    def read(self) -> Reading:
        """What was kept; nothing where it cannot be read."""
        try:
            content = _read(self._path)
            kept = msgspec.json.decode(content, type=_Kept)
            state: RegistryState | None = None
            if kept.versions is not None:
                state = EMPTY
                for version in kept.versions:
                    state = state.after(version.encode())
        except FileNotFoundError:
            return Reading()
        except (OSError, msgspec.DecodeError, ValueError, IntegrityError) as error:
            _log.warning("what was known of the registry of models cannot be read: %s", type(error).__name__)
            return Reading()
        return Reading(state, None if kept.mlflow is None else tuple(kept.mlflow))

    def keep(self, reading: Reading) -> None:
        """Keep this instead."""
        versions = None if reading.state is None else [content.decode() for content in reading.state.contents]
        kept = _Kept(versions, None if reading.mlflow is None else list(reading.mlflow))
        try:
            _replace(self._path, msgspec.json.encode(kept))
        except OSError as error:
            _log.warning("what is known of the registry of models cannot be kept: %s", type(error).__name__)


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(_LARGEST)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
