"""What an operator decides about receiving."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_audit.audit_signal.proofs import ProofChecker

__all__ = ["ReceiveOptions"]


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """Bounds of what is received.

    Attributes:
        max_body_bytes: of a request as it is sent; that of the Collector's own HTTP receiver.
        max_unpacked_bytes: of a request once it is unpacked.
        max_ratio: how many times its size a body may become; what stays below a MiB is not asked. Ten thousand
            equal spans come to about 100.
        max_items: spans or log records of one request.
        max_elements: attributes, events, links and values of one request, all together: two bytes of a body can
            ask for a hundred of memory.
        max_waiting_bytes: of all requests that are being received or wait, as they were sent.
        max_waiting_requests: how many.
        max_batch_items: spans and log records after which no further request joins those that go together.
        head_timeout_s: how long a connection may be idle, or the head of one request take to arrive, and …
        body_timeout_s: how long the body of one request may take to arrive.
        durable_timeout_s: when whoever waits for a disk that refuses is told so; clients wait for 10 s.
        retry_overload_s: when a client that was refused for want of room is asked to come back, and …
        retry_spool_s: … when the spool took nothing.
        proofs: judges what audit records prove themselves with.
    """

    max_body_bytes: int = 20 << 20
    max_unpacked_bytes: int = 64 << 20
    max_ratio: int = 256
    max_items: int = 65_536
    max_elements: int = 1_000_000
    max_waiting_bytes: int = 128 << 20
    max_waiting_requests: int = 1024
    max_batch_items: int = 4096
    head_timeout_s: float = 30.0
    body_timeout_s: float = 20.0
    durable_timeout_s: float = 8.0
    retry_overload_s: int = 1
    retry_spool_s: int = 5
    proofs: ProofChecker = field(default_factory=ProofChecker)
