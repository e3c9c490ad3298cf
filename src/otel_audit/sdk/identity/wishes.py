"""What the settings in force want to know of a user; asked once a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["WISHES", "Wishes"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is read of a framework's user, and where tokens stand.

    Attributes:
        fields: of ``name``, ``email`` and ``roles``; nothing else is asked of a user object.
        attributes: of the user object, of which the first that it has is the id.
        tokens: header and cookie that may bring a token, for each settings that check any.
        checkers: how many do.
    """

    fields: frozenset[str] = frozenset()
    attributes: tuple[str, ...] = ()
    tokens: tuple[tuple[str, str | None], ...] = ()
    checkers: int = 0


class _Holder:
    def __init__(self) -> None:
        self.now = Wishes()

    def take(self, wishes: Wishes) -> None:
        """From now on, these."""
        self.now = wishes


WISHES: Final = _Holder()
