"""Where registries of models are, and what they may say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "RegistryOptions"]

FOLDER: Final = "models"
"""Of the spool, where what was read is kept."""


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What a process goes by.

    Attributes:
        url: destination that holds the registry; None if none is read.
        folder: where what was read is kept for the next start.
        mlflow_tracking_uri: of an MLflow whose registry is honoured, too; None if none is.
        is_trusted: whether what is registered wins over what is configured; otherwise it can only add the tag.
        first_wait_s: how long the first records wait for a registry that is far away and of which nothing is
            known yet. What is still unknown then is treated as if it had the tag.
    """

    url: str | None
    folder: Path
    mlflow_tracking_uri: str | None = None
    is_trusted: bool = False
    first_wait_s: float = 3.0
