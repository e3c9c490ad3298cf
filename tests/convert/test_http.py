"""HTTP spans of every convention and of the frameworks that write them oddly."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import exception, http_record, notes_of
from otel_audit.convert.options import ConvertOptions, ModelEndpoint

NEW_SERVER = {
    "http.request.method": "GET",
    "url.scheme": "https",
    "url.path": "/api/users/42",
    "url.query": "page=2",
    "http.route": "/api/users/{id}",
    "http.response.status_code": 200,
    "server.address": "shop.example",
    "server.port": 443,
    "client.address": "203.0.113.7",
    "user_agent.original": "curl/8",
}

OLD_SERVER = {
    "http.method": "GET",
    "http.scheme": "https",
    "http.target": "/api/users/42?page=2",
    "http.route": "/api/users/{id}",
    "http.status_code": 200,
    "net.host.name": "shop.example",
    "net.host.port": 443,
    "net.peer.ip": "203.0.113.7",
    "http.user_agent": "curl/8",
}


def without_ids(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "attributes"}


def test_conventions_in_force() -> None:
    record = http_record(NEW_SERVER)
    assert record["eventName"] == "http.server"
    assert record["stream"] == "platform"
    assert record["protocol"] == "http"
    assert record["method"] == record["action"] == "GET"
    assert record["scheme"] == "https"
    assert record["route"] == "/api/users/{id}"
    assert record["target"] == {"type": "route", "id": "/api/users/{id}"}
    assert record["requestPath"] == "/api/users/42"
    assert record["requestQuery"] == "page=2"
    assert record["returnCode"] == 200
    assert record["outcome"] == "success"
    assert record["server"] == {"address": "shop.example", "port": 443}
    assert record["source"] == {"type": "ipv4", "id": "203.0.113.7"}
    assert record["userAgent"] == "curl/8"
    assert record["user"] == {"type": "unknown", "assurance": "none"}
    assert record["capture"] == {"state": "none"}
    assert "attributes" not in record


def test_old_conventions_give_the_same_record() -> None:
    assert http_record(OLD_SERVER) == http_record(NEW_SERVER)


def test_both_at_once_give_the_same_record() -> None:
    assert http_record(OLD_SERVER | NEW_SERVER) == http_record(NEW_SERVER)
    assert http_record(NEW_SERVER | OLD_SERVER) == http_record(NEW_SERVER)


def test_client_reads_its_url() -> None:
    new = {
        "http.request.method": "POST",
        "url.full": "https://api.acme.example:8443/v1/orders?dry=1",
        "server.address": "api.acme.example",
        "server.port": 8443,
        "http.response.status_code": 201,
    }
    record = http_record(new, "client")
    assert record["eventName"] == "http.client"
    assert (record["scheme"], record["requestPath"], record["requestQuery"]) == (
        "https",
        "/v1/orders",
        "dry=1",
    )
    assert record["server"] == {"address": "api.acme.example", "port": 8443}
    assert "attributes" not in record
    assert "target" not in record
    old = {
        "http.method": "POST",
        "http.url": "https://api.acme.example:8443/v1/orders?dry=1",
        "net.peer.name": "api.acme.example",
        "net.peer.port": 8443,
        "http.status_code": 201,
    }
    assert http_record(old, "client") == record
    assert http_record(old | new, "client") == record


@pytest.mark.parametrize("name", ["url.full", "http.url"])
@pytest.mark.parametrize(
    "url", ["https://bob:hunter2@a.example/x", "https://a.example/x#part", "https://other.example/x"]
)
def test_url_stays_where_it_says_more(name: str, url: str) -> None:
    record = http_record({"http.request.method": "GET", "server.address": "a.example", name: url}, "client")
    assert record["attributes"] == {name: url}
    assert record["server"]["address"] == "a.example"


def test_old_value_stays_where_it_differs_in_substance() -> None:
    record = http_record(NEW_SERVER | OLD_SERVER | {"http.method": "HEAD", "http.status_code": 500})
    assert record["method"] == "GET"
    assert record["returnCode"] == 200
    assert record["attributes"] == {"http.method": "HEAD", "http.status_code": 500}
    assert notes_of(record) == []


def test_redacted_url_beside_its_clear_query_adds_nothing() -> None:
    record = http_record(
        {
            "http.request.method": "GET",
            "url.path": "/v1/items/7",
            "url.query": "email=jane.doe@example.com&sig=abc",
            "http.url": "http://127.0.0.1:8822/v1/items/7?email=jane.doe%40example.com&sig=REDACTED",
        }
    )
    assert record["requestQuery"] == "email=jane.doe@example.com&sig=abc"
    assert "attributes" not in record


def test_django_route_without_slash_and_forbidden_with_status_error() -> None:
    record = http_record(
        {
            "http.method": "GET",
            "http.server_name": "web-1",
            "http.scheme": "http",
            "net.host.port": 8000,
            "http.host": "shop.example:8000",
            "http.url": "http://shop.example:8000/api/orders/7/",
            "net.peer.ip": "10.1.2.3",
            "http.flavor": "1.1",
            "http.route": "api/orders/<int:pk>/",
            "http.status_code": 403,
        },
        status=2,
    )
    assert record["route"] == "api/orders/<int:pk>/"
    assert record["outcome"] == "failure"
    assert record["server"] == {"address": "shop.example", "port": 8000}
    assert record["requestPath"] == "/api/orders/7/"
    assert record["source"] == {"type": "ipv4", "id": "10.1.2.3"}
    assert record["attributes"] == {"http.flavor": "1.1", "http.server_name": "web-1"}


def test_tornado_relative_url() -> None:
    record = http_record(
        {
            "http.request.method": "GET",
            "url.scheme": "http",
            "server.address": "127.0.0.1",
            "url.full": "/items/7?token=s3cr3t",
            "client.address": "127.0.0.1",
            "http.response.status_code": 200,
        }
    )
    assert (record["requestPath"], record["requestQuery"]) == ("/items/7", "token=s3cr3t")
    assert "attributes" not in record


def test_undici_query_with_question_mark_and_node_header_names() -> None:
    record = http_record(
        {
            "http.request.method": "GET",
            "http.request.method_original": "GET",
            "url.full": "https://api.example/v1/me?fields=id",
            "url.path": "/v1/me",
            "url.query": "?fields=id",
            "url.scheme": "https",
            "server.address": "api.example",
            "server.port": 443,
            "user_agent.original": "node",
            "http.request.header.x-request-id": ["r-9"],
            "http.response.status_code": 200,
        },
        "client",
    )
    assert record["requestQuery"] == "fields=id"
    assert record["requestHeaders"] == {"x-request-id": ["r-9"]}
    assert record["requestId"] == "r-9"
    assert record["attributes"] == {"http.request.method_original": "GET"}


def test_headers_are_lower_case_with_dashes_sorted_and_joined() -> None:
    record = http_record(
        NEW_SERVER
        | {
            "http.request.header.x_user_agent": ["a"],
            "http.request.header.X-User-Agent": ["b"],
            "http.request.header.accept": "text/html",
            "http.response.header.x_request_id": ["r-1", "r-2"],
        }
    )
    assert list(record["requestHeaders"].items()) == [("accept", ["text/html"]), ("x-user-agent", ["a", "b"])]
    assert record["responseHeaders"] == {"x-request-id": ["r-1", "r-2"]}
    assert record["requestId"] == "r-1"


def test_header_values_that_are_no_text_become_json_and_are_noted() -> None:
    record = http_record(
        NEW_SERVER | {"http.request.header.x_n": [1, True, None], "http.request.header.y": 5}
    )
    assert record["requestHeaders"] == {"x-n": ["1", "true", "null"], "y": ["5"]}
    assert notes_of(record) == ["wrong-type"]


@pytest.mark.parametrize(
    ("given", "original", "method", "kept"),
    [
        ("_OTHER", "PURGE", "PURGE", "PURGE"),
        ("_OTHER", "purge jane@example.com", "_OTHER", "purge jane@example.com"),
        ("PROPFIND", None, "PROPFIND", None),
        ("get", None, "GET", "get"),
        ("jane.doe@example.com", None, "_OTHER", "jane.doe@example.com"),
    ],
)
def test_unusual_methods(given: str, original: str | None, method: str, kept: str | None) -> None:
    attributes = NEW_SERVER | {"http.request.method": given}
    if original is not None:
        attributes["http.request.method_original"] = original
    record = http_record(attributes)
    assert record["method"] == method
    assert record.get("attributes", {}).get("http.request.method_original") == kept


@pytest.mark.parametrize(
    ("address", "port", "server"),
    [
        ("127.0.0.1:8821", 8821, {"address": "127.0.0.1", "port": 8821}),
        ("[::1]:8080", None, {"address": "::1", "port": 8080}),
        ("2001:db8::1", 443, {"address": "2001:db8::1", "port": 443}),
        ("[2001:db8::1]", None, {"address": "2001:db8::1"}),
        ("host:http", None, {"address": "host:http"}),
    ],
)
def test_server_address_with_port(address: str, port: int | None, server: dict[str, Any]) -> None:
    attributes: dict[str, Any] = {"http.request.method": "GET", "server.address": address}
    if port is not None:
        attributes["server.port"] = port
    assert http_record(attributes)["server"] == server


def test_string_port_of_the_old_names_is_read() -> None:
    record = http_record(
        {"http.method": "GET", "net.peer.name": "a.example", "net.peer.port": "50051"}, "client"
    )
    assert record["server"] == {"address": "a.example", "port": 50051}
    assert notes_of(record) == []


def test_aiohttp_server_without_status_code_is_unknown_unless_it_raised() -> None:
    attributes = {"http.method": "GET", "http.target": "/x", "http.route": "/x"}
    assert http_record(dict(attributes))["outcome"] == "unknown"
    record = http_record(dict(attributes), events=[exception("asyncio.TimeoutError", "slow")])
    assert record["outcome"] == "failure"
    assert (record["errorCode"], record["errorMessage"]) == ("asyncio.TimeoutError", "slow")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(100, "success"), (302, "success"), (404, "failure"), (500, "failure"), (0, "unknown")],
)
def test_outcome_follows_the_status_code(code: int, outcome: str) -> None:
    assert http_record(NEW_SERVER | {"http.response.status_code": code})["outcome"] == outcome


def test_error_of_a_client_that_reached_nobody() -> None:
    record = http_record(
        {"http.request.method": "GET", "url.full": "http://127.0.0.1:9/x", "error.type": "ConnectionError"},
        "client",
        status=2,
        status_message="refused",
    )
    assert (record["outcome"], record["errorCode"], record["errorMessage"]) == (
        "failure", "ConnectionError", "refused",
    )  # fmt: skip
    assert "returnCode" not in record


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http.response.status_code", "200"),
        ("http.response.status_code", True),
        ("server.port", 70_000),
        ("http.request.method", ["GET"]),
        ("url.path", b"/x"),
        ("http.request.body.size", -1),
        ("http.status_code", 2.5),
    ],
)
def test_wrong_types_stay_attributes_and_are_noted(name: str, value: Any) -> None:
    record = http_record({"http.request.method": "GET", "url.path": "/x"} | {name: value})
    kept = {"base64": "L3g="} if isinstance(value, bytes) else value
    assert record["attributes"][name] == kept
    assert notes_of(record) == ["wrong-type"]


def test_sizes() -> None:
    record = http_record(NEW_SERVER | {"http.request.body.size": 12, "http.response.body.size": 34})
    assert (record["requestBytes"], record["responseBytes"]) == (12, 34)
    old = OLD_SERVER | {"http.request_content_length": 12, "http.response_content_length": 34}
    assert http_record(old) == record


def test_bodies_that_a_span_carries() -> None:
    record = http_record(
        NEW_SERVER | {"http.request.body.content": '{ "a" : 1 }', "http.response.body.content": "plain"}
    )
    assert (record["request"], record["response"]) == ({"a": 1}, "plain")
    assert record["capture"] == {"state": "complete"}
    binary = http_record(NEW_SERVER | {"http.request.body.content": b"\xff\x00"})
    assert binary["requestBase64"] == "/wA="


def test_route_that_is_a_model() -> None:
    options = ConvertOptions(models=(ModelEndpoint("/v1/models/churn:predict", "churn", "3"),))
    attributes = NEW_SERVER | {
        "http.request.method": "POST",
        "http.route": "/v1/models/<name>:predict",
        "url.path": "/v1/models/churn:predict",
    }
    record = http_record(attributes, options=options)
    assert record["stream"] == "model-io"
    assert record["modelInfo"] == {
        "modelName": "churn", "modelVersion": "3", "operation": "predict",
        "endpointPath": "/v1/models/churn:predict",
    }  # fmt: skip
    assert record["action"] == "EXECUTE"
    assert record["target"] == {"type": "model", "id": "churn"}
    assert record["eventName"] == "http.server"
    assert http_record(NEW_SERVER, options=options)["stream"] == "platform"


def test_client_of_a_model_is_found_by_host_and_path() -> None:
    options = ConvertOptions(models=(ModelEndpoint("ml.example/v1/*", "any"),))
    attributes = {"http.request.method": "POST", "url.full": "https://ml.example/v1/churn"}
    assert http_record(dict(attributes), "client", options)["modelInfo"]["modelName"] == "any"
    other = attributes | {"url.full": "https://other.example/v1/churn"}
    assert http_record(other, "client", options)["stream"] == "platform"


def test_route_rule_names_the_action() -> None:
    options = ConvertOptions(route_actions=(("/api/users/*", "lookup"),))
    assert http_record(NEW_SERVER, options=options)["action"] == "LOOKUP"
    assert http_record(NEW_SERVER | {"audit.action": "read"}, options=options)["action"] == "READ"
