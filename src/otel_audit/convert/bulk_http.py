"""HTTP spans of one shape at once: old names, URLs, hosts with ports.

Does column by column what :mod:`~otel_audit.convert.http`, which says what is meant, does span by span.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    http_attributes,
    net_attributes,
    url_attributes,
)

from otel_audit.convert.bulk_columns import Irregular, SortedColumns, integers, plain_texts
from otel_audit.convert.http import (
    MAX_PORT,
    OLD_INTEGERS,
    OLD_TEXT,
    PLAIN_METHODS,
    RENAMED,
    SCHEME,
    server_names,
)
from otel_audit.convert.url import same_query, split_host, split_url

__all__ = ["complete_http_columns"]

_SCHEMES: Final = frozenset({"http", "https", None})

_URL: Final = re.compile(r"(https?)://([^/?#@:\[\]]+)(?::([0-9]{1,5}))?(/[^?#]*)?(?:\?([^#]*))?")
"""Most URLs; :func:`split_url` gives the same for them in thrice the time."""

_Parts = tuple[str | None, str | None, int | None, str | None, str | None, bool]
"""Scheme, host, port, path, query, and whether the URL says anything beyond these."""


def complete_http_columns(found: SortedColumns, kind: str) -> None:
    """Fills what sorting alone could not; works on any span, as its twin does.

    Args:
        found: the sorted attributes; ``columns`` are filled, what is used goes out of ``held``.
        kind: span kind.

    Raises:
        Irregular: a value needs a row.
    """
    columns, held = found.columns, found.held
    if held:
        _read_old(found)
    if ":" in "".join(columns.get("server.address", ())):
        hosts, ports = zip(*map(split_host, columns["server.address"]), strict=True)
        columns["server.address"] = hosts
        if "server.port" not in columns:
            columns["server.port"] = ports
    if held:
        _read_old_server(found, kind)
        _read_urls(found)
    if not PLAIN_METHODS.issuperset(columns.get("method", ())):
        raise Irregular
    if not _SCHEMES.issuperset(columns.get("scheme", ())):
        raise Irregular
    if any(query is not None and query[0] == "?" for query in columns.get("requestQuery", ())):
        raise Irregular


def _read_old(found: SortedColumns) -> None:
    held = found.held
    for name, leaf in OLD_TEXT:
        if name in held:
            found.take(name, found.merge(leaf, plain_texts(held[name])))
    for name, leaf, limit in OLD_INTEGERS:
        if name in held:
            found.take(name, found.merge(leaf, integers(held[name], limit)))
    for name, new in RENAMED:
        if name in held:
            _take_repeated(found, name, new)
    if http_attributes.HTTP_TARGET in held:
        targets = plain_texts(held[http_attributes.HTTP_TARGET])
        paths, queries, more = zip(*map(_split_target, targets), strict=True)
        other = {*found.merge("requestPath", paths), *found.merge("requestQuery", queries, same_query)}
        found.take(http_attributes.HTTP_TARGET, other | _positions(more))


def _take_repeated(found: SortedColumns, name: str, new: str) -> None:
    """Takes out an old name where the new one, which stays an attribute, says the same."""
    values = found.held[name]
    if {str, int}.isdisjoint(set(map(type, values))) or len(set(map(type, values))) > 1:
        raise Irregular
    if new in found.rest:
        theirs = found.rest[new]
        same = () if values == theirs else _positions(map(_differ, values, theirs))
        found.take(name, same)


def _differ(one: object, other: object) -> bool:
    return one != other


def _read_old_server(found: SortedColumns, kind: str) -> None:
    held = found.held
    names, port_name = server_names(kind)
    if port_name in held:
        found.take(port_name, found.merge("server.port", integers(held[port_name], MAX_PORT)))
    for name in names:
        if name not in held:
            continue
        hosts, ports = _split_hosts(plain_texts(held[name]))
        other = found.merge("server.address", hosts)
        if other:
            ports = tuple(None if position in other else port for position, port in enumerate(ports))
        found.take(name, {*other, *found.merge("server.port", ports)})
    if kind != "client" and net_attributes.NET_PEER_PORT in held:
        _take_repeated(found, net_attributes.NET_PEER_PORT, client_attributes.CLIENT_PORT)


def _split_hosts(values: Collection[str]) -> tuple[tuple[str | None, ...], tuple[int | None, ...]]:
    # A service is called by few names.
    split = {value: split_host(value) for value in set(values)}
    pairs = [split[value] for value in values]
    return tuple(host or None for host, _ in pairs), tuple(port for _, port in pairs)


def _read_urls(found: SortedColumns) -> None:
    held = found.held
    if url_attributes.URL_TEMPLATE in held:
        templates = plain_texts(held[url_attributes.URL_TEMPLATE])
        found.take(url_attributes.URL_TEMPLATE, found.merge("route", templates))
    full = held.get(url_attributes.URL_FULL)
    if full is not None:
        found.take(url_attributes.URL_FULL, _merge_urls(found, plain_texts(full)))
    urls = held.get(http_attributes.HTTP_URL)
    if urls is not None and urls == full:
        found.take(http_attributes.HTTP_URL, ())
    elif urls is not None:
        other = set(_merge_urls(found, plain_texts(urls)))
        if full is not None:
            other -= {position for position, url in enumerate(urls) if url == full[position]}
        found.take(http_attributes.HTTP_URL, other)


def _merge_urls(found: SortedColumns, urls: Collection[str]) -> Collection[int]:
    """Reads URLs into leaves; returns the positions of those that say something beyond them."""
    schemes, hosts, ports, paths, queries, more = zip(*map(_split_url, urls), strict=True)
    return {
        *found.merge("scheme", schemes),
        *found.merge("server.address", hosts),
        *found.merge("server.port", ports),
        *found.merge("requestPath", paths),
        *found.merge("requestQuery", queries, same_query),
        *_positions(more),
    }


def _split_url(url: str) -> _Parts:
    plain = _URL.fullmatch(url)
    if plain is not None:
        scheme, host, port, path, query = plain.groups()
        return scheme, host, None if port is None else int(port), path, query or None, False
    parts = split_url(url)
    scheme = parts.scheme if SCHEME.fullmatch(parts.scheme) else None
    beyond = bool(parts.user_info or parts.fragment)
    return scheme, parts.host or None, parts.port, parts.path or None, parts.query or None, beyond


def _split_target(target: str) -> tuple[str | None, str | None, bool]:
    """Splits what an old target says: path, query, and whether it says anything beyond these."""
    if target[0] == "/" and "#" not in target:
        path, _, query = target.partition("?")
        return path, query or None, False
    parts = split_url(target)
    return parts.path or None, parts.query or None, bool(parts.fragment or parts.host)


def _positions(flags: Collection[bool] | map[bool]) -> set[int]:
    return {position for position, flag in enumerate(flags) if flag}
