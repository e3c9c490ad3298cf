"""Who did it, by trust."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import http_record, make_span, notes_of, record_of
from otel_audit.convert.options import ConvertOptions, IdentityOptions
from otel_audit.convert.span_notes import Scope, SpanNotes
from otel_audit.errors import ConfigurationError
from otel_audit.tokens.options import JwtOptions
from tokens.issuing import SECRET, token

NOBODY = {"type": "unknown", "assurance": "none"}


def who(attributes: dict[str, Any], **identity: Any) -> dict[str, Any]:
    options = ConvertOptions(identity=IdentityOptions(**identity))
    return http_record({"http.request.method": "GET", **attributes}, options=options)


@pytest.mark.parametrize(
    "name", ["user.id", "enduser.id", "audit.actor.id", "enduser.pseudo.id", "user.hash"]
)
def test_what_the_application_says_is_asserted(name: str) -> None:
    record = who({name: "u8472"})
    assert record["user"] == {"id": "u8472", "type": "user", "origin": name, "assurance": "asserted"}
    assert name not in record.get("attributes", {})


@pytest.mark.parametrize("header", ["x_user", "x_user_id", "x-forwarded-user", "x_authenticated_user"])
def test_headers_are_claims(header: str) -> None:
    record = who({f"http.request.header.{header}": ["jane"]})
    origin = "header:" + header.replace("_", "-")
    assert record["user"] == {"id": "jane", "type": "user", "origin": origin, "assurance": "claimed"}


def test_baggage_is_a_claim() -> None:
    record = who({"http.request.header.baggage": ["session=7,user.id=jane%40acme;p=1, x=y"]})
    assert record["user"] == {
        "id": "jane@acme", "type": "user", "origin": "baggage:user.id", "assurance": "claimed",
    }  # fmt: skip


def test_assertion_beats_claim_and_losers_that_differ_are_kept() -> None:
    record = who(
        {
            "http.request.header.x_user": ["mallory"],
            "http.request.header.x_user_id": ["u1"],
            "enduser.id": "u1",
            "user.id": "u2",
            "audit.actor.id": "u1",
        }
    )
    assert record["user"]["origin"] == "audit.actor.id"
    assert record["userClaims"] == [
        {"origin": "user.id", "id": "u2"},
        {"origin": "header:x-user", "id": "mallory"},
    ]


def test_configured_headers_replace_the_usual() -> None:
    headers = {"http.request.header.x_user": ["jane"], "http.request.header.x_sso": ["joe"]}
    record = who(headers, user_headers=("X-SSO",))
    assert record["user"]["origin"] == "header:x-sso"
    assert "userClaims" not in record


def test_nobody() -> None:
    assert who({})["user"] == NOBODY
    assert who({"user.id": ""})["user"] == NOBODY
    assert who({"audit.actor.id": "unknown"})["user"] == NOBODY


def test_anonymous_is_known_to_be_nobody_and_beats_claims() -> None:
    record = who({"audit.actor.id": "anonymous", "http.request.header.x_user": ["jane"]})
    assert record["user"] == {"type": "anonymous", "origin": "audit.actor.id", "assurance": "asserted"}
    assert record["userClaims"] == [{"origin": "header:x-user", "id": "jane"}]


def test_unknown_actor_leaves_room_for_claims() -> None:
    record = who({"audit.actor.id": "unknown", "http.request.header.x_user": ["jane"]})
    assert record["user"] == {"id": "jane", "type": "user", "origin": "header:x-user", "assurance": "claimed"}


def test_actor_type() -> None:
    record = who({"audit.actor.id": "cron", "audit.actor.type": "system"})
    assert record["user"]["type"] == "system"


def test_numbers_are_ids() -> None:
    assert who({"user.id": 42})["user"]["id"] == "42"


def test_long_ids_are_cut_and_noted() -> None:
    record = who({"user.id": "x" * 300})
    assert record["user"]["id"] == "x" * 256
    assert notes_of(record) == ["identity-cut"]


PERSON = {
    "user.name": "jdoe",
    "user.full_name": "Jane Doe",
    "user.email": "jane.doe@example.com",
    "user.roles": ["admin"],
    "enduser.role": "buyer",
    "enduser.scope": "all",
    "audit.actor.name": "Jane",
    "user.anything": "else",
}


def test_names_and_addresses_are_left_out_and_noted() -> None:
    record = who({"user.id": "u1", **PERSON})
    assert record["user"] == {"id": "u1", "type": "user", "origin": "user.id", "assurance": "asserted"}
    assert record["attributes"] == {"audit.notes": ["identity-withheld"]}


def test_listed_fields_are_written_and_no_others() -> None:
    record = who({"user.id": "u1", **PERSON}, fields=frozenset({"email", "roles"}))
    assert record["user"]["email"] == "jane.doe@example.com"
    assert record["user"]["roles"] == ["admin"]
    assert "name" not in record["user"]
    assert record["attributes"] == {"audit.notes": ["identity-withheld"]}


def test_all_fields() -> None:
    record = who(
        {"user.full_name": "Jane Doe", "user.email": "j@e.example", "enduser.role": "buyer"},
        fields=frozenset({"name", "email", "roles"}),
    )
    assert record["user"] == {
        "type": "unknown", "assurance": "none", "name": "Jane Doe", "email": "j@e.example", "roles": ["buyer"],
    }  # fmt: skip
    assert "attributes" not in record


def test_ids_that_are_no_text_are_left_out() -> None:
    record = who({"user.id": ["jane@example.com"]})
    assert record["user"] == NOBODY
    assert record["attributes"] == {"audit.notes": ["identity-withheld"]}


def test_token_is_never_read_for_a_name() -> None:
    token = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.sig"
    assert who({"http.request.header.authorization": [token]})["user"] == NOBODY


def test_token_in_a_header_that_was_captured_beside_the_span_is_checked() -> None:
    jwt = JwtOptions(secret=SECRET, audience=("shop",))
    headers = {"authorization": [f"Bearer {token(SECRET, 'HS256', sub='jane', exp=None)}"]}
    span = make_span(
        attributes={"http.request.method": "GET"}, notes=SpanNotes(Scope(1), request_headers=headers)
    )
    record = record_of(span, ConvertOptions(identity=IdentityOptions(jwt=jwt)))
    assert record["user"] == {"id": "jane", "type": "user", "origin": "jwt", "assurance": "verified"}


@pytest.mark.parametrize(
    "options",
    [
        {"fields": frozenset({"phone"})},
        {"trusted_proxies": ("nowhere",)},
        {"user_headers": ("x-user", "Authorization")},
        {"user_headers": ("x_token",), "jwt": JwtOptions(secret=b"x" * 32, header="x-token")},
    ],
)
def test_unknown_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        IdentityOptions(**options)


def test_session_is_kept_for_masking() -> None:
    assert who({"session.id": "s-1"})["session"] == "s-1"
