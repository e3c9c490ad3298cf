"""Where a token is found: handed over with a request, or in a header that the span itself carries."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, Protocol

from otel_audit.tokens.checker import TokenChecker, TokenVerdict
from otel_audit.tokens.options import JwtOptions
from otel_audit.tokens.place import find_token

__all__ = ["Handed", "TokenReader", "TokenVerdict"]

_NANOS: Final = 1_000_000_000


class Handed(Protocol):
    """A token that was handed over with a request; its verdict is kept in its place."""

    at_unix_nano: int
    verdicts: dict[object, object]

    def take(self) -> str:
        """Its text, for one check."""


class TokenReader:
    """Reads tokens under one set of options. For one thread.

    Attributes:
        headers: lower-case names of the headers that may bring one.

    Raises:
        ConfigurationError: a key is not what it should be.
    """

    def __init__(self, options: JwtOptions) -> None:
        self._options = options
        self._checker = TokenChecker(options)
        self.headers = frozenset({options.header} | ({"cookie"} if options.cookie else set()))

    def judge(
        self, handed: Handed | None, headers: Iterable[Iterable[object]] | None, start_unix_nano: int
    ) -> TokenVerdict | None:
        """Returns what the token of a request proves; ``None`` where it brought none.

        Args:
            handed: shared by all spans of the request: it is checked once.
            headers: names in order, and the values of each, as the span carries them.
            start_unix_nano: of the span, nanoseconds since the epoch; 0 where unknown.
        """
        if handed is not None:
            verdict = handed.verdicts.get(self)
            if verdict is None:
                verdict = self._checker.check(handed.take(), handed.at_unix_nano / _NANOS)
                handed.verdicts[self] = verdict
            return verdict  # type: ignore[return-value]
        if headers is None:
            return None
        names, values = headers
        named = dict(zip(names, values, strict=False))
        text = find_token(self._options.header, self._options.cookie, lambda name: _first(named.get(name)))
        if not text:
            return None
        at_unix_s = start_unix_nano / _NANOS if start_unix_nano else time.time()
        return self._checker.check(text, at_unix_s)


def _first(values: object) -> str:
    return values[0] if isinstance(values, list | tuple) and values and isinstance(values[0], str) else ""
