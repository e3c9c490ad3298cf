"""What an entry of the table of recognisers says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from otel_audit.mask.candidates import RunValidator, Validator

__all__ = ["WITH_NUMBERS", "Family", "Recognizer"]

WITH_NUMBERS: Final = "numbers"
"""The automaton that looks for numbers."""


class Family(Enum):
    """Which trigger lets text through."""

    AT = "at"
    """An at sign."""
    NUMBER = "number"
    """Nine digits with few signs between them, or a dotted quad."""
    OTHER = "other"
    """The entry's own."""


@dataclass(frozen=True, slots=True)
class Recognizer:
    """One kind of personal data or credential.

    Attributes:
        name: unique.
        entity: type that stands in the token and in ``masking.entities``.
        pattern: RE2.
        matches: texts in which exactly one finding is made.
        rejects: texts in which none is made.
        family: see :class:`Family`.
        triggers: RE2 patterns of family OTHER; further ones for the other families.
        validate: yields the parts of a match that are the entity; None: every match is.
        literals: the pattern can match only where one of these stands; saves a pass.
        runs: instead of ``pattern`` and ``validate``: yields entities in runs of digit groups, which are found
            once for all such entries; see :data:`~otel_audit.mask.recognizers.NUMBER_RUN`.
        least_digits: shortest run that is of interest.
        secret: a credential: withheld whatever a policy says.
        claims: findings of others within the whole match are not made, such as an e-mail address that is a
            password and a host.
        retry: after a match that was not validated, go on behind its first byte instead of its last.
        may_hold: whether an entity may be around a number: told the text, where the trigger starts, and where what is
            written like a number starts and ends; saves a pass.
        behind: regular expression over bytes: without it directly behind a trigger, that is none. For words that
            many texts have.
        automaton: triggers of entries with the same word here are looked for apart from all others: what counts
            letters or digits multiplies the states of whatever it is looked for with.
        begins: the pattern is of what begins an entity, and the entity behind it may be long: the search goes on behind
            the match, and near the end of what was found.
        goes_on: a group, and 0 for its start or 1 for its end, where the search goes on after a match: a value may
            have names and values in it.
    """

    name: str
    entity: str
    pattern: bytes
    matches: tuple[str, ...]
    rejects: tuple[str, ...] = ()
    family: Family = Family.OTHER
    triggers: tuple[bytes, ...] = ()
    validate: Validator | None = None
    literals: tuple[bytes, ...] = ()
    runs: RunValidator | None = None
    least_digits: int = 0
    secret: bool = False
    claims: bool = False
    retry: bool = False
    may_hold: Callable[[bytes, int, int, int], bool] | None = None
    goes_on: tuple[int, int] | None = None
    begins: bool = False
    behind: bytes = b""
    automaton: str = ""
