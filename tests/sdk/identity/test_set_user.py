"""``set_user`` holds for the current request and what is below it, and for nothing else."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

import otel_audit
from otel_audit.convert.span_notes import Body
from otel_audit.sdk.notes import current_notes
from sdk.identity.audited import CLIENT, audited, known, who


@pytest.fixture
def log(tmp_path):
    with audited(tmp_path) as log:
        yield log


def test_the_request_and_what_is_below_it_and_ends_afterwards(log):
    with log.server():
        log.client("before")
        assert otel_audit.set_user(id="u1", method="password", mfa=True) is True
        log.client()
        log.chat(**{"gen_ai.request.user": "x", "user.id": "ceo"})
    server, before, client, chat = log.records()
    assert known(server["user"]) == {
        "id": "u1", "type": "user", "origin": "set_user", "assurance": "verified",
    }  # fmt: skip
    assert known(server["auth"]) == {"method": "password", "mfa": True}
    assert who(before) == (None, "none")
    assert who(client) == who(chat) == ("u1", "verified")
    assert {"origin": "user.id", "id": "ceo"} in chat["userClaims"]


@pytest.mark.parametrize("given", [42, uuid.UUID(int=7), "u-ü"])
def test_ids_are_texts(log, given):
    with log.server():
        otel_audit.set_user(given)
    assert log.records()[0]["user"]["id"] == str(given)


def test_nobody_is_logged_in(log):
    with log.server(**{"http.request.header.x_user": ("ceo",)}):
        otel_audit.set_user(type="anonymous")
    (record,) = log.records()
    assert known(record["user"]) == {"type": "anonymous", "origin": "set_user", "assurance": "verified"}
    assert record["userClaims"] == [{"origin": "header:x-user", "id": "ceo"}]


def test_what_is_no_text_becomes_one_and_unknown_words_are_refused(log):
    with log.server():
        otel_audit.set_user(7, email=3, roles=[1, "a"], method=b"x", mfa=1, session_id="\ud800", name="\x00")
        for wrong in ({"type": "robot"}, {"decision": "maybe"}):
            with pytest.raises(otel_audit.AuditError):
                otel_audit.set_user("u2", **wrong)
        with pytest.raises(otel_audit.AuditError):
            otel_audit.acting_as("u2", type="anonymous")
    (record,) = log.records()
    assert who(record) == ("7", "verified")
    assert record["auth"]["mfa"] is True


def test_a_clerk_who_says_to_be_the_ceo_is_the_clerk(log):
    claims = {
        "http.request.header.x_user": ("ceo",),
        "http.request.header.baggage": ("user.id=boss",),
        "enduser.id": "chief",
    }
    with log.server(**claims):
        otel_audit.set_user("clerk")
    (record,) = log.records()
    assert who(record) == ("clerk", "verified")
    assert {claim["id"] for claim in record["userClaims"]} == {"ceo", "boss", "chief"}


def post(log, user, body, **attributes):
    with log.server(**{"http.route": "/orders", **attributes}):
        current_notes().request = Body(json.dumps(body).encode(), "application/json")
        if user:
            otel_audit.set_user(user)


def test_what_the_body_says_stands_beside_where_bodies_are_captured(tmp_path):
    said = ("ceo", "clerk", "jane.doe@example.com", "4111111111111111", 7, {"id": "ceo"}, None)
    with audited(tmp_path, capture={"request_body": True}) as log:
        for user in said:
            post(log, "clerk", {"user": user})
        post(log, None, {"user": "ceo"})
        *clerks, nobody = log.records()
    assert {who(record) for record in clerks} == {("clerk", "verified")}
    assert [record["userClaims"] for record in clerks] == [
        [{"origin": "body:user", "id": "ceo"}], None, None, None, [{"origin": "body:user", "id": "7"}], None, None,
    ]  # fmt: skip
    assert who(nobody) == (None, "none"), "a body makes nobody anybody"


def test_of_a_tagged_model_no_part_of_the_body_is_a_claim(tmp_path):
    model = {"name": "churn", "endpoint": "/orders", "pii": True}
    with audited(tmp_path, capture={"request_body": True}, models=[model]) as log:
        post(log, "clerk", {"user": "ceo"}, **{"http.request.header.x_user": ("boss",)})
        (record,) = log.records()
    assert who(record) == ("clerk", "verified")
    assert record["request"] is None
    assert record["userClaims"] == [{"origin": "header:x-user", "id": "boss"}]
    assert "userClaims" in str(record["masking"]["dropped"])


def test_who_comes_later_does_not_become_who_it_was(log):
    """One span over many jobs, as workers have it: each call keeps whoever it was made for."""
    with log.server():
        for number in range(20):
            otel_audit.set_user(f"u{number}")
            log.client()
    first, *calls = log.records()
    assert [who(call)[0] for call in calls] == [f"u{number}" for number in range(20)]
    assert who(first) == ("u19", "verified")
    assert {"origin": "set_user", "id": "u3"} in first["userClaims"]


def test_only_listed_fields_are_written(tmp_path):
    person = {"email": "jane@example.com", "name": "Jane Doe", "roles": ["admin"]}
    with audited(tmp_path / "a") as log:
        with log.server():
            otel_audit.set_user("u1", **person)
        (record,) = log.records()
        assert set(known(record["user"])) == {"id", "type", "origin", "assurance"}
        assert "identity-withheld" in record["attributes"]
    with audited(tmp_path / "b", identity={"fields": ["email", "roles"]}) as log:
        with log.server():
            otel_audit.set_user("u1", **person)
        (record,) = log.records()
        assert record["user"]["email"] == "jane@example.com"
        assert record["user"]["roles"] == ["admin"]
        assert record["user"]["name"] is None


def test_session_and_credential_are_pseudonyms(tmp_path):
    with audited(tmp_path, mask={"key": b"0123456789abcdef0123456789abcdef"}) as log:
        with log.server():
            otel_audit.set_user("u1", session_id="s-secret", credential_id="c-secret", decision="allow")
        (record,) = log.records()
    assert record["auth"]["sessionId"].startswith("[SESSION:k1:")
    assert record["session"] == record["auth"]["sessionId"]
    assert record["auth"]["credentialId"].startswith("[CREDENTIAL:k1:")
    assert record["auth"]["decision"] == "allow"


def test_other_requests_have_other_users_or_none(log):
    """One after another in one thread, also of one trace, and side by side as tasks and threads."""
    caller = SpanContext(0x1234, 0x5678, is_remote=True, trace_flags=TraceFlags(1))
    remote = trace.set_span_in_context(NonRecordingSpan(caller))
    for name in ("a", None, "b"):
        with log.tracer.start_as_current_span("GET", remote, kind=SpanKind.SERVER, attributes=CLIENT):
            if name:
                otel_audit.set_user(name)
            log.client()

    async def request(name):
        with log.server():
            await asyncio.sleep(0)
            if name:
                otel_audit.set_user(name)
            await asyncio.sleep(0)
            await asyncio.gather(*(asyncio.to_thread(log.client) for _ in range(2)))

    async def requests():
        await asyncio.gather(*(request(f"t{number}" if number % 2 else None) for number in range(6)))

    asyncio.run(requests())
    records = log.records()
    one_by_one = records[:6]
    assert [who(record)[0] for record in one_by_one] == ["a", "a", None, None, "b", "b"]
    by_trace: dict[str, set] = {}
    for record in records[6:]:
        by_trace.setdefault(record["traceId"], set()).add(record["user"]["id"])
    assert sorted(map(str, (user for users in by_trace.values() for user in users))) == [
        "None", "None", "None", "t1", "t3", "t5",
    ]  # fmt: skip


def test_set_deep_below_and_in_a_task_it_holds_for_the_request(log):
    async def authenticate():
        await asyncio.sleep(0)
        otel_audit.set_user("deep")

    async def request():
        with log.server(), log.tracer.start_as_current_span("inner"):
            await asyncio.create_task(authenticate())

    asyncio.run(request())
    assert who(log.records()[0]) == ("deep", "verified")


def test_threads_have_it_where_the_context_was_carried(log):
    with log.server():
        otel_audit.set_user("u1")
        carried = otel_context.get_current()

        def with_opentelemetry():
            token = otel_context.attach(carried)
            log.client("opentelemetry")
            otel_context.detach(token)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(contextvars.copy_context().run, log.client, "contextvars").result()
            pool.submit(with_opentelemetry).result()
            pool.submit(log.client, "alone").result()
    users = {record["spanName"]: record["user"]["id"] for record in log.records()}
    assert users["contextvars"] == users["opentelemetry"] == "u1"
    assert users["alone"] is None


def test_below_a_span_that_the_sampler_dropped(tmp_path):
    """Nothing but calls is recorded: the span around them is not there, and its user holds for them all the same."""
    with audited(tmp_path, provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)) as log:
        with log.tracer.start_as_current_span("job"), log.tracer.start_as_current_span("step"):
            assert otel_audit.set_user("u1")
            log.client("in step")
            with log.tracer.start_as_current_span("deeper"):
                log.client("deeper")
        with log.server(), log.tracer.start_as_current_span("dropped"):
            assert otel_audit.set_user("u2")
            log.client("in request")
        with log.tracer.start_as_current_span("next job"):
            log.client("next")
    users = {record["spanName"]: record["user"]["id"] for record in log.records()}
    assert users == {
        "in step": "u1", "deeper": "u1", "POST /orders": "u2", "in request": "u2", "next": None,
    }  # fmt: skip


def test_jobs_of_one_trace_in_one_thread_do_not_inherit(tmp_path):
    """What a queue hands a worker one after another: a remote parent, the job's own span dropped."""
    parent = SpanContext(0x77, 0x88, is_remote=True, trace_flags=TraceFlags(0))
    remote = trace.set_span_in_context(NonRecordingSpan(parent))
    with audited(tmp_path, provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)) as log:
        for name in ("a", None):
            with log.tracer.start_as_current_span("run", remote):
                if name:
                    otel_audit.set_user(name)
                with log.tracer.start_as_current_span("step"):
                    log.client()
    assert [who(record)[0] for record in log.records()] == ["a", None]


def test_greenlets_are_apart(log):
    gevent = pytest.importorskip("gevent")

    def request(name):
        with log.server():
            gevent.sleep(0)
            if name:
                otel_audit.set_user(name)
            gevent.sleep(0)
            log.client()

    gevent.joinall([gevent.spawn(request, name) for name in ("a", None, "b")], raise_error=True)
    users = sorted(str(record["user"]["id"]) for record in log.records())
    assert users == ["None", "None", "a", "a", "b", "b"]


def test_outside_of_every_span_it_says_so_once_and_names_nobody(log, caplog, monkeypatch):
    from otel_audit.sdk.identity import acting

    monkeypatch.setattr(acting._Said, "at_s", float("-inf"))
    with log.server():
        pass
    with caplog.at_level(logging.DEBUG, "otel_audit"):
        assert [otel_audit.set_user("jane.doe@example.com") for _ in range(3)] == [False] * 3
    assert len(caplog.records) == 1
    assert "jane" not in caplog.text
    assert who(log.records()[0]) == (None, "none")


def test_nobody_else_sees_it(log):
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    log.provider.add_span_processor(SimpleSpanProcessor(exporter))
    with log.server():
        otel_audit.set_user("u-secret", email="s@example.com")
        log.client()
    assert len(exporter.get_finished_spans()) == 2
    assert not any("secret" in span.to_json() for span in exporter.get_finished_spans())


def test_a_user_set_in_another_thread_of_the_request_holds(log):
    with log.server():
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(otel_audit.set_user, "u1"))
        thread.start()
        thread.join()
    assert who(log.records()[0]) == ("u1", "verified")


def test_baggage_of_the_caller_is_a_claim(log):
    from opentelemetry import baggage

    carried = baggage.set_baggage("user.id", "ceo")
    with log.tracer.start_as_current_span("POST", carried, kind=SpanKind.SERVER, attributes=CLIENT):
        log.client()
    with log.tracer.start_as_current_span("POST", carried, kind=SpanKind.SERVER, attributes=CLIENT):
        otel_audit.set_user("clerk")
    first, below, second = log.records()
    assert known(first["user"]) == {
        "id": "ceo", "type": "user", "origin": "baggage:user.id", "assurance": "claimed",
    }  # fmt: skip
    assert who(below) == ("ceo", "claimed")
    assert who(second) == ("clerk", "verified")
    assert second["userClaims"] == [{"origin": "baggage:user.id", "id": "ceo"}]
