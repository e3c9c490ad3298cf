"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing.

    Attributes:
        level: ``problem`` where the log cannot work as it is set; ``warning`` where it works and somebody
            should know; ``note`` for facts.
        text: the sentence, without secrets.
    """

    level: Level
    text: str
