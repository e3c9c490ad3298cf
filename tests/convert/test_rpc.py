"""RPC spans: gRPC of both conventions, cloud APIs, others."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import exception, make_span, notes_of, record_of

GRPC = {
    "rpc.system": "grpc",
    "rpc.service": "helloworld.Greeter",
    "rpc.method": "SayHello",
    "rpc.grpc.status_code": 0,
    "net.peer.ip": "[::1]",
    "net.peer.port": "50123",
    "rpc.user_agent": "grpc-python/1.60",
}


def rpc_record(attributes: dict[str, Any], kind: str = "server", **fields: Any) -> dict[str, Any]:
    return record_of(make_span(kind, attributes=attributes, **fields))


def test_grpc_server() -> None:
    record = rpc_record(GRPC)
    assert record["eventName"] == "rpc.server"
    assert record["protocol"] == "grpc"
    assert record["method"] == "SayHello"
    assert record["rpc"] == {"service": "helloworld.Greeter", "method": "SayHello"}
    assert record["returnCode"] == 0
    assert record["outcome"] == "success"
    assert record["action"] == "CALL"
    assert record["target"] == {"type": "rpc", "id": "helloworld.Greeter/SayHello"}
    assert record["source"] == {"type": "ipv6", "id": "::1"}
    assert record["attributes"] == {"net.peer.port": "50123", "rpc.user_agent": "grpc-python/1.60"}


def test_grpc_unhandled_exception_leaves_code_zero_and_is_a_failure() -> None:
    record = rpc_record(GRPC, events=[exception("Exception", "boom")])
    assert (record["returnCode"], record["outcome"]) == (0, "failure")
    assert (record["errorCode"], record["errorMessage"]) == ("Exception", "boom")


def test_newer_conventions() -> None:
    record = rpc_record(
        {
            "rpc.system.name": "grpc",
            "rpc.method": "helloworld.Greeter/SayHello",
            "rpc.response.status_code": "DEADLINE_EXCEEDED",
            "server.address": "greeter.example",
            "server.port": 50051,
            "rpc.request.metadata.x_tenant": ["acme"],
        },
        "client",
    )
    assert record["eventName"] == "rpc.client"
    assert record["rpc"] == {"service": "helloworld.Greeter", "method": "SayHello"}
    assert (record["protocol"], record["method"]) == ("grpc", "SayHello")
    assert (record["returnCode"], record["outcome"]) == (4, "failure")
    assert record["requestHeaders"] == {"x-tenant": ["acme"]}
    assert "attributes" not in record


def test_grpc_address_of_the_called_server() -> None:
    record = rpc_record(
        {"rpc.system": "grpc", "net.peer.name": "greeter", "net.peer.port": "50051"}, "client"
    )
    assert record["server"] == {"address": "greeter", "port": 50051}


def test_cloud_api_over_http_has_the_codes_of_http() -> None:
    record = rpc_record(
        {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject", "http.status_code": 404},
        "client",
    )
    assert record["eventName"] == "rpc.client"
    assert (record["protocol"], record["returnCode"], record["outcome"]) == ("http", 404, "failure")
    assert record["rpc"] == {"service": "S3", "method": "GetObject"}
    assert record["attributes"] == {"rpc.system": "aws-api"}


def test_unknown_system_stays_an_attribute() -> None:
    record = rpc_record({"rpc.system": "jane.doe@example.com", "rpc.method": "Do"})
    assert record["protocol"] == "rpc"
    assert record["attributes"] == {"rpc.system": "jane.doe@example.com"}


@pytest.mark.parametrize("method", ["card4111111111111111", "jane.doe@example.com", "x" * 65])
def test_method_that_may_hold_personal_data_is_not_shown_unmasked(method: str) -> None:
    record = rpc_record({"rpc.system": "grpc", "rpc.service": "S", "rpc.method": method})
    assert "method" not in record
    assert record["rpc"]["method"] == method


def test_wrong_type_of_status() -> None:
    record = rpc_record(GRPC | {"rpc.grpc.status_code": 1.5})
    assert record["attributes"]["rpc.grpc.status_code"] == 1.5
    assert notes_of(record) == ["wrong-type"]
    assert record["outcome"] == "unknown"


def test_json_rpc_error() -> None:
    record = rpc_record({"rpc.system": "jsonrpc", "rpc.method": "sum", "rpc.jsonrpc.error_code": -32601})
    assert (record["protocol"], record["returnCode"], record["outcome"]) == ("jsonrpc", -32601, "failure")
