"""Record ids of many spans at once; ``ids.py`` says what they are, and needs no Arrow for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import orjson

from otel_audit.record.buffers import Array, every_so_many
from otel_audit.record.ids import DOMAIN

__all__ = ["span_record_ids"]


def span_record_ids(tenant: str, spans: Iterable[tuple[str, str, str, int]], service_name: str) -> Array:
    """Returns :func:`~otel_audit.record.ids.span_record_id` for many spans of one service, several times cheaper.

    Args:
        tenant: tenant of the records.
        spans: trace id, span id, kind, start; ids must be hexadecimal.
        service_name: ``service.name`` of their resource, ``""`` where missing.

    Returns:
        String array without nulls.
    """
    # What is the same for all is encoded once; hexadecimal, kinds and digits need no escape.
    before = orjson.dumps([DOMAIN, tenant, "span"]).decode()[:-1]
    after = orjson.dumps(service_name).decode()
    sha256 = hashlib.sha256
    hashes = [
        sha256(f'{before},"{trace}","{span}","{kind}","{start}",{after}]'.encode()).digest()
        for trace, span, kind, start in spans
    ]
    halves = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)[:, :16].copy()
    # RFC 9562, section 5.8: version 8 in the seventh byte, the variant's two bits in the ninth.
    halves[:, 6] = halves[:, 6] & 0x0F | 0x80
    halves[:, 8] = halves[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(halves.tobytes().hex().encode(), np.uint8).reshape(-1, 32)
    dash = np.full((len(digits), 1), ord("-"), np.uint8)
    groups = (digits[:, :8], dash, digits[:, 8:12], dash, digits[:, 12:16], dash, digits[:, 16:20], dash)
    return every_so_many(36, np.hstack((*groups, digits[:, 20:])).tobytes())
