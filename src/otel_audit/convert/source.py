"""Where a call came from: the client's address, or a hop of a forwarded-for header behind trusted proxies.

``X-Forwarded-For`` is a list that each proxy extends at its end, so it is read from the end: as long as the
hop that wrote an entry is a configured proxy, the entry is believed. Anything before that a client may have
made up.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, TypeAlias

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    http_attributes,
    net_attributes,
    network_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.sorter import Room, Sorted, header_values
from otel_audit.convert.url import AddressType, address_type, split_host

__all__ = ["OLD_PEERS", "Networks", "complete_source", "judge_address", "parse_networks", "source_names"]

Networks: TypeAlias = "tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]"

_CLIENT: Final = client_attributes.CLIENT_ADDRESS
OLD_PEERS: Final = (net_attributes.NET_SOCK_PEER_ADDR, net_attributes.NET_PEER_IP)
_PEERS: Final = (network_attributes.NETWORK_PEER_ADDRESS, *OLD_PEERS)
"""Other end of the connection: for a server the client or the last proxy."""

_ADDRESSES: Final = (_CLIENT, http_attributes.HTTP_CLIENT_IP, *_PEERS)

_FORWARDED_FOR: Final = re.compile(r"(?:^|[;\s])for=\"?([^\";,]+)", re.IGNORECASE)
"""RFC 7239, section 4."""


def parse_networks(trusted: tuple[str, ...]) -> Networks:
    """Returns the networks of ``IdentityOptions.trusted_proxies``."""
    return tuple(ipaddress.ip_network(network) for network in trusted)


def complete_source(found: Sorted, kind: str, trusted: Networks, oddities: list[str]) -> None:
    """Fills ``source`` of a span, unless ``audit.source.*`` did; takes out of ``held`` what says the same.

    On a client's span the peer is the called server, so that address stays an attribute.
    """
    if not found.rooms & Room.ADDRESS:
        return
    row, held = found.row, found.held
    names, calls = source_names(kind)
    peer = _peer(found) if trusted else ""
    for name in names:
        value = held.get(name)
        if value is None:
            continue
        if type(value) is not str:
            oddities.append(notes.WRONG_TYPE)
            continue
        known = row.get("source.id")
        if known is None:
            judged = judge_address(value)
            if judged is None:
                continue
            row["source.id"], row["source.type"] = judged
            del held[name]
        elif known in (value, split_host(value)[0]):
            del held[name]
    if calls:
        _drop_repeated_peer(found)
    elif trusted:
        _believe_proxies(found, peer, trusted)


def source_names(kind: str) -> tuple[tuple[str, ...], bool]:
    """Returns the names that may say where a call came from, best first, and whether the span is the caller's."""
    calls = kind in ("client", "producer")
    return ((_CLIENT,) if calls else _ADDRESSES), calls


def judge_address(value: str) -> tuple[str, AddressType] | None:
    """Returns an address without a port, and what kind it is; ``None`` where it is none."""
    for address in (value, split_host(value)[0]):
        judged = address_type(address)
        if judged is not None:
            return address, judged
    return None


def _peer(found: Sorted) -> str:
    for name in (*_PEERS, _CLIENT, http_attributes.HTTP_CLIENT_IP):
        value = found.held.get(name)
        if isinstance(value, str):
            return split_host(value)[0]
    return ""


def _drop_repeated_peer(found: Sorted) -> None:
    """Of an old and a new name for one peer, keeps the new one."""
    new, held = found.held.get(network_attributes.NETWORK_PEER_ADDRESS), found.held
    for name in OLD_PEERS:
        if new is not None and held.get(name) == new:
            del held[name]


def _believe_proxies(found: Sorted, peer: str, trusted: Networks) -> None:
    hops = _forwarded(found)
    if not hops or not _is_trusted(peer, trusted):
        return
    believed = ""
    for hop in reversed(hops):
        if address_type(hop) is None:
            break
        believed = hop
        if not _is_trusted(hop, trusted):
            break
    if believed and found.row.get("source.id") != believed:
        previous = found.row.get("source.id")
        found.row["source.id"], found.row["source.type"] = believed, address_type(believed)
        if isinstance(previous, str):
            found.rest.setdefault(network_attributes.NETWORK_PEER_ADDRESS, previous)


def _forwarded(found: Sorted) -> list[str]:
    headers = found.row.get("requestHeaders")
    if lines := header_values(headers, "x-forwarded-for"):
        hops = ",".join(lines).split(",")
    elif lines := header_values(headers, "forwarded"):
        hops = [hop[1] for entry in ",".join(lines).split(",") if (hop := _FORWARDED_FOR.search(entry))]
    else:
        return []
    stripped = [hop.strip().strip('"') for hop in hops]
    return [hop if address_type(hop) else split_host(hop)[0] for hop in stripped if hop]


def _is_trusted(hop: str, trusted: Networks) -> bool:
    try:
        address = ipaddress.ip_address(hop.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in trusted)
