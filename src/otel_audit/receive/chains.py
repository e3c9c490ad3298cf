"""Hash chains that senders make: whether each record follows the one before it.

The draft's ``collector.md``, "Hash-Chain Validation":

1. Within a stream numbers grow by one, from 1, and each record names the hash of the one before: that of its receipt,
   or of its canonical form as it was sent, which a sender knows without waiting. The first names none, or the
   SHA-256 of nothing.
2. A record that breaks its chain is taken all the same, and the log tells of it: it may be the only trace that others
   are missing.
3. What is known of a stream is in memory: after a restart a stream is taken up where it is.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from otel_audit.convert.own_events import own_word
from otel_audit.convert.spans import Attributes, LogData
from otel_audit.receive.audit_request import Link

__all__ = ["BREAK_EVENT", "Chains", "SecurityEvent"]

BREAK_EVENT: Final = "audit.sequence.break"

_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that a sender did and the log tells of.

    Attributes:
        name: of the event.
        action: upper-case verb.
        at_unix_nano: when it came, nanoseconds since the epoch.
        sender: address that it came from.
        said: further attributes.
    """

    name: str
    action: str
    at_unix_nano: int
    sender: str
    said: Attributes

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        said: Attributes = {"audit.source.id": self.sender, **self.said}
        return own_word(self.name, self.action, said, service=service, at_unix_nano=self.at_unix_nano)


class Chains:
    """What is known of each stream. For one thread."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, ...], tuple[int, frozenset[str]]] = OrderedDict()

    def follow(self, link: Link, record_hash: bytes) -> str:
        """Take up a record that is durable.

        Args:
            link: what it says of its place.
            record_hash: of the record as it is stored.

        Returns:
            What is wrong; empty where nothing is.
        """
        last = self._last.pop(link.stream, None)
        self._last[link.stream] = link.number, frozenset({record_hash.hex(), link.sent_hash})
        if len(self._last) > _MOST:
            self._last.popitem(last=False)
        if last is None:
            is_first = link.number == 1
            return (
                ""
                if not is_first or link.previous in ("", _NOTHING)
                else "a first record names another before it"
            )
        number, hashes = last
        if link.number != number + 1:
            return f"record {number + 1} of its stream was expected"
        if link.previous and link.previous not in hashes:
            return "it names another record than the one before it in its stream"
        return ""
