"""Recognisers of the user's own: settings become entries of the table.

They are bounded like ours: RE2 only, a program of limited size, so no pattern of theirs can be catastrophic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from otel_audit.errors import ConfigurationError
from otel_audit.mask.entities import ENTITIES

if TYPE_CHECKING:
    from otel_audit.mask.candidates import Candidate, Validator
    from otel_audit.mask.recognizer import Recognizer

__all__ = ["OwnRecognizer"]

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{1,31}")
_KEYWORD: Final = re.compile(r"[A-Za-z0-9_.#@-]{2,64}(?: [A-Za-z0-9_.#@-]{1,64}){0,7}")
_CHECK: Final = re.compile(r"luhn|[a-z]{2}_?\.[a-z0-9_]{2,24}")
_CONTEXT_REACH: Final = 64
"""Bytes before a match within which a word of its context must stand."""

_MAX_PROGRAM: Final = 10_000
"""Instructions of RE2: some hundreds are usual."""
_EVERYTHING: Final = rb"(?s:.)"


@dataclass(frozen=True, slots=True)
class OwnRecognizer:
    """One entry.

    Attributes:
        name: unique; ``a-z``, digits and ``-``.
        entity: type that stands in the token; one of ours or a new one, ``A-Z``, digits and ``_``.
        pattern: RE2 over decoded text with the name of its key and ``": "`` in front; the first group, else the
            whole match, is what is masked.
        keywords: case aside, one of them stands in every text in which the pattern could match. Texts without
            are passed by, so a recogniser without keywords looks at every text there is, which is slow.
        context: words; one must stand within 64 bytes before the match, or be the name of its key.
        check: ``luhn``, or a module of python-stdnum such as ``nl.bsn``: the match must be valid by it.
        secret: a credential, withheld whatever a rule says.
        matches: texts in which exactly one finding of this entity is made.
        rejects: texts in which none is made.

    Raises:
        ConfigurationError: something of it is not in its form, or there is no example of a match.
    """

    name: str
    entity: str
    pattern: str
    keywords: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    check: str | None = None
    secret: bool = False
    matches: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError("mask.recognizers: a name is of a-z, 0-9 and '-', at most 48 characters")
        if not _ENTITY.fullmatch(self.entity) or self.entity in ("TOKEN", "WITHHELD"):
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: an entity is of A-Z, 0-9 and '_', at most 32 characters; known are "
                + ", ".join(sorted(ENTITIES))
            )
        if not all(map(_KEYWORD.fullmatch, self.keywords)):
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: keywords are of at least two ASCII letters, digits and -_.#@"
            )
        if not all(map(_KEYWORD.fullmatch, self.context)):
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: context words are of at least two ASCII letters, digits and -_.#@"
            )
        if self.check is not None and not _CHECK.fullmatch(self.check):
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: check is luhn or a module of python-stdnum such as nl.bsn"
            )
        if not self.matches:
            raise ConfigurationError(f"mask.recognizers.{self.name}: give at least one example in matches")

    def entry(self) -> Recognizer:
        """The entry of the table.

        Raises:
            ConfigurationError: RE2 does not take the pattern, it is too large or matches nothing at all, or
                there is no such check.
        """
        # Settings are checked before RE2 is loaded.
        from otel_audit.mask.patterns import program_size  # noqa: PLC0415
        from otel_audit.mask.recognizer import Recognizer  # noqa: PLC0415

        pattern = self.pattern.encode()
        size = program_size(pattern)
        if size is None:
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: RE2 does not take the pattern: it has no look-around and no "
                "back-references, and repeats at most 1000 times"
            )
        if size > _MAX_PROGRAM:
            raise ConfigurationError(
                f"mask.recognizers.{self.name}: the pattern makes {size} instructions, more than {_MAX_PROGRAM}; "
                "lower its repetitions"
            )
        triggers = tuple(b"(?i:" + re.escape(word).encode() + b")" for word in self.keywords)
        return Recognizer(
            self.name, self.entity, pattern, self.matches, self.rejects,
            triggers=triggers or (_EVERYTHING,), validate=self._validator(), secret=self.secret, retry=True,
            automaton="own",
        )  # fmt: skip

    def _validator(self) -> Validator:
        from otel_audit.mask.candidates import before  # noqa: PLC0415

        words = "|".join(re.escape(word).replace(r"\ ", "[ _-]?") for word in self.context)
        named = before(_CONTEXT_REACH, f"(?:{words})(?s:.*)".encode()) if words else None
        valid = None
        if self.check is not None:
            try:
                valid = import_module(f"stdnum.{self.check}").is_valid
            except ImportError:
                raise ConfigurationError(
                    f"mask.recognizers.{self.name}: python-stdnum has no module {self.check}"
                ) from None

        def validate(candidate: Candidate) -> Iterator[tuple[int, int]]:
            start, end = next(
                (span for span in candidate.groups if span[0] >= 0), (candidate.start, candidate.end)
            )
            if start == end or (named is not None and not named(candidate.text, start)):
                return
            if valid is None or valid(candidate.text[start:end].decode("utf-8", "replace")):
                yield start, end

        return validate
