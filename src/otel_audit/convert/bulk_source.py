"""Where calls came from, for server spans of one shape at once: :mod:`~otel_audit.convert.source` in columns.

Settings that trust proxies need rows, so nothing here reads a forwarded-for header.
"""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import network_attributes

from otel_audit.convert.bulk_columns import SortedColumns, plain_texts
from otel_audit.convert.source import OLD_PEERS, judge_address, source_names
from otel_audit.convert.url import split_host

__all__ = ["complete_source_columns"]


def complete_source_columns(found: SortedColumns, kind: str) -> None:
    """Fills ``source`` and takes out of ``held`` what says the same.

    Args:
        found: the sorted attributes.
        kind: span kind; on a client's span the peer is the called server, so that address stays an attribute.

    Raises:
        Irregular: a value needs a row.
    """
    held = found.held
    names, calls = source_names(kind)
    for name in names:
        if name in held:
            _read_address(found, name)
    if calls:
        peers = held.get(network_attributes.NETWORK_PEER_ADDRESS)
        for name in OLD_PEERS:
            if name in held and peers is not None:
                pairs = enumerate(zip(plain_texts(held[name]), peers, strict=True))
                found.take(name, {position for position, (old, new) in pairs if old != new})


def _read_address(found: SortedColumns, name: str) -> None:
    values, columns = plain_texts(found.held[name]), found.columns
    ids = columns.get("source.id")
    if ids == values:
        found.take(name, ())
        return
    # A server has few clients, or few proxies before it.
    judged = {value: judge_address(value) for value in set(values)}
    read = [judged[value] for value in values]
    if ids is None:
        ids = kinds = (None,) * len(values)
    else:
        kinds = columns["source.type"]
    kept = {
        position
        for position, (value, known) in enumerate(zip(values, ids, strict=True))
        if (read[position] is None if known is None else known not in (value, split_host(value)[0]))
    }
    if None in ids:
        sources = [
            (known, kind) if known is not None else found or (None, None)
            for known, kind, found in zip(ids, kinds, read, strict=True)
        ]
        columns["source.id"], columns["source.type"] = zip(*sources, strict=True)
    found.take(name, kept)
