"""Users and sessions that dialects tell, and those that are left to the record."""

from __future__ import annotations

from typing import Any

import pytest

from convert.inference.sources import call_of, span
from otel_audit.convert.inference import read

MODEL = {"gen_ai.request.model": "m"}


@pytest.mark.parametrize(
    ("attributes", "users", "session"),
    [
        ({"gen_ai.user": "jane"}, [("gen_ai.user", "jane")], None),
        ({"llm.user": "jane"}, [("llm.user", "jane")], None),
        ({"gen_ai.openai.request.user": "jane"}, [("gen_ai.openai.request.user", "jane")], None),
        ({"gen_ai.user": 7}, [("gen_ai.user", "7")], None),
        (
            {
                "traceloop.association.properties.user_id": "jane",
                "traceloop.association.properties.session_id": "s",
            },
            [("traceloop.association.properties.user_id", "jane")],
            "s",
        ),
        ({"metadata": '{"user_id": "jane", "session_id": "s"}'}, [("metadata.user_id", "jane")], "s"),
        ({"langfuse.user.id": "jane", "langfuse.session.id": "s"}, [("langfuse.user.id", "jane")], "s"),
        ({"ai.telemetry.metadata.userId": "jane"}, [("ai.telemetry.metadata.userId", "jane")], None),
        ({"metadata": "{not json"}, [], None),
        ({"metadata": "[1]"}, [], None),
    ],
)
def test_users_and_sessions_are_found(
    attributes: dict[str, Any], users: list[Any], session: str | None
) -> None:
    found = call_of({"gen_ai.operation.name": "chat", **MODEL, **attributes})
    assert (found.users, found.session) == (users, session)


@pytest.mark.parametrize("key", ["user.id", "enduser.id", "session.id"])
def test_identity_of_the_span_is_left_to_the_record(key: str) -> None:
    one = span({"gen_ai.operation.name": "chat", **MODEL, key: "jane"})
    found = read(one)
    assert found is not None
    assert found.users == []
    assert one.attributes == {key: "jane"}


def test_association_properties_that_name_nobody_stay() -> None:
    one = span({"gen_ai.operation.name": "chat", **MODEL, "traceloop.association.properties.plan": "gold"})
    assert read(one) is not None
    assert one.attributes == {"traceloop.association.properties.plan": "gold"}
