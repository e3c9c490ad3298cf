"""Where a call came from."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import http_record, notes_of
from otel_audit.convert.options import ConvertOptions, IdentityOptions

TRUSTED = ConvertOptions(identity=IdentityOptions(trusted_proxies=("10.0.0.0/8", "::1/128")))


def where(attributes: dict[str, Any], kind: str = "server", **options: Any) -> dict[str, Any]:
    return http_record({"http.request.method": "GET", **attributes}, kind, **options)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("203.0.113.7", {"type": "ipv4", "id": "203.0.113.7"}),
        ("203.0.113.7:5123", {"type": "ipv4", "id": "203.0.113.7"}),
        ("2001:db8::7", {"type": "ipv6", "id": "2001:db8::7"}),
        ("[2001:db8::7]:443", {"type": "ipv6", "id": "2001:db8::7"}),
        ("fe80::1%eth0", {"type": "ipv6", "id": "fe80::1%eth0"}),
        ("client.example", {"type": "hostname", "id": "client.example"}),
        ("999.1.1.1", {"type": "hostname", "id": "999.1.1.1"}),
    ],
)
def test_kinds_of_address(address: str, source: dict[str, str]) -> None:
    record = where({"client.address": address})
    assert record["source"] == source
    assert "attributes" not in record


@pytest.mark.parametrize("text", ["jane.doe@example.com", "a b", "", "x" * 300, "1.2.3.4, 5.6.7.8"])
def test_what_is_no_address_stays_an_attribute(text: str) -> None:
    record = where({"client.address": text})
    assert "source" not in record
    assert record["attributes"] == {"client.address": text}


def test_client_beats_peer_and_a_peer_that_differs_is_kept() -> None:
    record = where({"client.address": "203.0.113.7", "network.peer.address": "10.0.0.1"})
    assert record["source"]["id"] == "203.0.113.7"
    assert record["attributes"] == {"network.peer.address": "10.0.0.1"}
    assert where({"network.peer.address": "10.0.0.1"})["source"]["id"] == "10.0.0.1"


def test_old_names() -> None:
    assert (
        where({"http.client_ip": "203.0.113.7", "net.peer.ip": "203.0.113.7"})["source"]["id"]
        == "203.0.113.7"
    )
    assert where({"net.sock.peer.addr": "203.0.113.7"})["source"]["id"] == "203.0.113.7"


def test_peer_of_a_client_is_the_called_server() -> None:
    record = where({"network.peer.address": "198.51.100.1", "net.peer.ip": "198.51.100.1"}, "client")
    assert "source" not in record
    assert record["attributes"] == {"network.peer.address": "198.51.100.1"}


def test_wrong_type() -> None:
    record = where({"client.address": 7})
    assert record["attributes"]["client.address"] == 7
    assert notes_of(record) == ["wrong-type"]


FORWARDED = {"http.request.header.x_forwarded_for": ["203.0.113.7, 10.9.9.9"]}


def test_forwarded_for_counts_only_behind_trusted_proxies() -> None:
    attributes = {"network.peer.address": "10.0.0.1", **FORWARDED}
    assert where(attributes)["source"]["id"] == "10.0.0.1"
    record = where(attributes, options=TRUSTED)
    assert record["source"] == {"type": "ipv4", "id": "203.0.113.7"}
    assert record["attributes"] == {"network.peer.address": "10.0.0.1"}


def test_forwarded_for_of_a_stranger_is_not_believed() -> None:
    attributes = {"network.peer.address": "198.51.100.9", **FORWARDED}
    assert where(attributes, options=TRUSTED)["source"]["id"] == "198.51.100.9"


def test_entries_before_an_unknown_hop_are_not_believed() -> None:
    header = {"http.request.header.x_forwarded_for": ["1.1.1.1, 203.0.113.7, 10.9.9.9"]}
    record = where({"network.peer.address": "10.0.0.1", **header}, options=TRUSTED)
    assert record["source"]["id"] == "203.0.113.7"


def test_forwarded_header() -> None:
    header = {"http.request.header.forwarded": ['for="[2001:db8::17]:4711";proto=https, for=10.9.9.9']}
    record = where({"network.peer.address": "::1", **header}, options=TRUSTED)
    assert record["source"] == {"type": "ipv6", "id": "2001:db8::17"}
