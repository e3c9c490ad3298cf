"""Who may send what: told by the connection and by what proves it, never by what is sent."""

from __future__ import annotations

from dataclasses import dataclass

from otel_audit.convert.spans import Sender
from otel_audit.receive.answers import Answer, Verdict
from otel_audit.receive.token_file import Signal
from otel_audit.receive.tokens import Tokens

__all__ = ["Gate", "Peer"]

_UNKNOWN = Answer(Verdict.UNAUTHENTICATED, "a bearer token is needed that is accepted here")
_NOT_THIS = Answer(Verdict.FORBIDDEN, "this token is not for this signal")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection.

    Attributes:
        address: without its port.
        certified: who it is by its certificate, which was checked; ``None`` without one.
    """

    address: str
    certified: str | None = None


class Gate:
    """Lets senders in, on the thread of one event loop.

    Args:
        tokens: of which each request has to bring one; ``None`` if none is asked for.
    """

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens

    def admit(self, peer: Peer, authorization: str | None, signal: Signal | None) -> Sender | Answer:
        """Who sends, or why it may not.

        Args:
            peer: the connection.
            authorization: the value of the header, or of the metadata, of that name.
            signal: what it sends; ``None`` for what is no signal.
        """
        if self._tokens is None:
            if peer.certified is not None:
                return Sender("mtls", peer.address, peer.certified)
            return Sender("none", peer.address)
        scheme, _, secret = (authorization or "").partition(" ")
        token = self._tokens.find(secret.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            return _UNKNOWN
        if signal is not None and signal not in token.signals:
            return _NOT_THIS
        return Sender("bearer", peer.address, token.sender, token.tenant)
