"""Tokens from real requests: checked on our thread, never written, and proof of who it is."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading

import fastapi
import flask
import httpx
import pytest
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OpenTelemetryASGI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OpenTelemetryWSGI
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit.errors import ConfigurationError
from otel_audit.tokens import checker
from sdk.identity.audited import SERVER, audited, known, who
from tokens.issuing import NOW, OTHER_RSA, RSA, SECRET, key_set, pem, token


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "idp.pem"
    file.write_bytes(pem(RSA))
    return str(file)


def configured(key_file, **jwt):
    return {"jwt": {"pem": key_file, "audience": ["shop"], "issuer": "https://idp.example", **jwt}}


def flask_app(log):
    app = flask.Flask("shop")
    FlaskInstrumentor.instrument_app(app, tracer_provider=log.provider)

    @app.post("/orders")
    def order() -> str:
        log.chat()
        return "ok"

    @app.before_request
    def refuse() -> tuple[str, int] | None:
        return ("no", 403) if flask.request.headers.get("x-refuse") else None

    return app.test_client()


def files_under(folder) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_valid_token_says_who_it_is_and_is_written_nowhere(tmp_path, key_file, caplog):
    proof = token()
    with audited(tmp_path, identity=configured(key_file), rotation={"max_age": "1h"}) as log:
        flask_app(log).post("/orders", headers={"authorization": f"Bearer {proof}", "x-user": "ceo"})
        assert log.installation._processor._recorder.make_durable(30)
        assert proof.encode() not in files_under(tmp_path), "nor in the spool"
        server, chat = log.records()
    for record in (server, chat):
        assert known(record["user"]) == {
            "id": "u1", "type": "user", "origin": "jwt", "assurance": "verified",
        }  # fmt: skip
        assert known(record["auth"]) == {"method": "jwt", "decision": "allow"}
    for part in proof.split("."):
        assert part.encode() not in files_under(tmp_path)
        assert part not in caplog.text


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (token(exp=NOW - 3600), "expired"),
        (token(aud="another"), "audience"),
        (token(OTHER_RSA), "signature"),
        (token(SECRET, "HS256"), "algorithm"),
    ],
)
def test_an_invalid_one_says_nothing_but_why(tmp_path, key_file, made, reason):
    with audited(tmp_path, identity=configured(key_file)) as log:
        flask_app(log).post("/orders", headers={"authorization": f"Bearer {made}"})
        server, _ = log.records()
    assert known(server["user"]) == {"type": "unknown", "assurance": "none"}
    assert known(server["auth"]) == {"method": "jwt", "decision": "deny", "reason": reason}
    assert server["userClaims"] is None


def test_an_invalid_one_is_a_claim_if_asked(tmp_path, key_file):
    with audited(tmp_path, identity=configured(key_file, read_unchecked=True)) as log:
        client = flask_app(log)
        client.post("/orders", headers={"authorization": f"Bearer {token(exp=NOW - 3600, sub='ceo')}"})
        server, _ = log.records()
    assert known(server["user"]) == {"id": "ceo", "type": "user", "origin": "jwt", "assurance": "claimed"}


def test_other_credentials_are_no_tokens(tmp_path, key_file):
    with audited(tmp_path, identity=configured(key_file)) as log:
        client = flask_app(log)
        for value in ("Basic dTpw", "Bearer opaque", "", "Bearer"):
            client.post("/orders", headers={"authorization": value})
        assert all(record["auth"] is None for record in log.records())


def test_a_request_that_was_refused_before_the_view(tmp_path, key_file):
    with audited(tmp_path, identity=configured(key_file)) as log:
        client = flask_app(log)
        client.post("/orders", headers={"authorization": f"Bearer {token()}", "x-refuse": "1"})
        (server,) = log.records()
    assert who(server) == ("u1", "verified")
    assert server["returnCode"] == 403


def test_what_the_application_says_comes_first_and_the_token_beside_it(tmp_path, key_file):
    with audited(tmp_path, identity=configured(key_file)) as log:
        app = flask.Flask("shop")

        @app.post("/orders")
        def order() -> str:
            otel_audit.set_user("local-7", method="jwt", mfa=True)
            return "ok"

        FlaskInstrumentor.instrument_app(app, tracer_provider=log.provider)
        app.test_client().post("/orders", headers={"authorization": f"Bearer {token()}"})
        (server,) = log.records()
    assert who(server) == ("local-7", "verified")
    assert server["userClaims"] == [{"origin": "jwt", "id": "u1"}]
    assert known(server["auth"]) == {"method": "jwt", "mfa": True}


def test_fastapi_with_a_cookie_and_a_header_of_its_own(tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(a=RSA))
    jwt = {"jwks": str(keys), "audience": ["shop"], "cookie": "access", "header": "X-Token"}
    with audited(tmp_path, identity={"jwt": jwt}) as log:
        app = fastapi.FastAPI()

        @app.get("/orders")
        async def orders() -> str:
            log.chat()
            return "ok"

        FastAPIInstrumentor.instrument_app(app, tracer_provider=log.provider)

        async def run():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://s") as client:
                await client.get(
                    "/orders", headers={"cookie": f"a=b; access={token(kid='a', sub='by-cookie')}"}
                )
                await client.get("/orders", headers={"x-token": token(kid="a", sub="by-header")})
                await client.get("/orders", headers={"authorization": f"Bearer {token(kid='a')}"})

        asyncio.run(run())
        records = [record for record in log.records() if record["eventName"] == "http.server"]
    assert [who(record) for record in records] == [
        ("by-cookie", "verified"), ("by-header", "verified"), (None, "none"),
    ]  # fmt: skip


def test_any_application_behind_the_middleware_of_opentelemetry(tmp_path, key_file):
    later = []

    async def asgi_app(scope, receive, send):
        later.append(contextvars.copy_context())
        log.chat()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def wsgi_app(environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    def job():
        with log.tracer.start_as_current_span("job", Context(), kind=SpanKind.SERVER, attributes=SERVER):
            pass

    with audited(tmp_path, identity=configured(key_file)) as log:
        asgi = OpenTelemetryASGI(asgi_app, tracer_provider=log.provider, exclude_spans=["send", "receive"])
        wsgi = OpenTelemetryWSGI(wsgi_app, tracer_provider=log.provider)

        async def run():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://s") as client:
                await client.get("/asgi", headers={"authorization": f"Bearer {token(sub='by-asgi')}"})
                await client.get("/asgi")

        asyncio.run(run())
        with httpx.Client(transport=httpx.WSGITransport(wsgi), base_url="http://s") as client:
            client.get("/wsgi", headers={"authorization": f"Bearer {token(sub='by-wsgi')}"})
            client.get("/wsgi")
        for context in later:
            context.run(job)
        # With the new conventions, OpenTelemetry's WSGI middleware knows a path only from servers that give one.
        found = [
            ((record["requestPath"] or record["spanName"]).removeprefix("GET "), who(record)[0])
            for record in log.records()
        ]
    assert found == [
        ("/asgi", "by-asgi"), ("chat", "by-asgi"), ("/asgi", None), ("chat", None),
        ("/wsgi", "by-wsgi"), ("/wsgi", None), ("/orders", None), ("/orders", None),
    ]  # fmt: skip


def test_the_middleware_is_wrapped_only_while_tokens_are_checked(tmp_path, key_file):
    before = {owner: vars(owner)["__call__"] for owner in (OpenTelemetryASGI, OpenTelemetryWSGI)}

    def is_wrapped() -> bool:
        changed = {vars(owner)["__call__"] is not method for owner, method in before.items()}
        assert len(changed) == 1
        return changed == {True}

    with audited(tmp_path / "a"):
        assert not is_wrapped()
        with audited(tmp_path / "b", identity=configured(key_file)):
            assert is_wrapped()
        assert not is_wrapped()
    assert not is_wrapped()


def test_a_header_that_the_span_carries_is_checked_as_of_its_start(tmp_path, monkeypatch):
    """As captured by an instrumentation, by whatever framework."""
    monkeypatch.setenv("SHOP_JWT", SECRET.decode())
    jwt = {"secret": "env:SHOP_JWT", "audience": ["shop"]}
    with audited(tmp_path, identity={"jwt": jwt}) as log:
        proof = token(SECRET, "HS256")
        with log.server(**{"http.request.header.authorization": (f"Bearer {proof}",)}):
            pass
        (record,) = log.records()
    assert who(record) == ("u1", "verified")
    assert dict(record["requestHeaders"])["authorization"] == ["[WITHHELD]"]
    assert proof.split(".")[2].encode() not in files_under(tmp_path)


def test_it_is_checked_once_on_our_thread(tmp_path, key_file, monkeypatch):
    threads = []
    judge = checker.TokenChecker.check

    def watched(self, text, at_unix_s):
        threads.append(threading.current_thread())
        return judge(self, text, at_unix_s)

    monkeypatch.setattr(checker.TokenChecker, "check", watched)
    with audited(tmp_path, identity=configured(key_file)) as log:
        flask_app(log).post("/orders", headers={"authorization": f"Bearer {token()}"})
        assert len(log.records()) == 2
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_without_a_key_no_token_is_looked_at(tmp_path):
    with audited(tmp_path) as log:
        flask_app(log).post("/orders", headers={"authorization": f"Bearer {token()}"})
        server, chat = log.records()
    assert server["auth"] is None
    assert who(server) == who(chat) == (None, "none")


@pytest.mark.parametrize(
    ("jwt", "said"),
    [
        ({"issuer": "https://idp.example"}, "no key"),
        ({"pem": "/nowhere/idp.pem"}, "cannot be read"),
        ({"jwks_url": "http://idp.example/keys"}, "https"),
        ({"secret": b"x" * 32, "algorithms": ["none"]}, "none"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(tmp_path, jwt, said):
    with pytest.raises(ConfigurationError, match=said):
        audited(tmp_path, identity={"jwt": jwt}).__enter__()


def test_without_the_library_it_says_what_to_install(tmp_path, key_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ConfigurationError, match=r"otel-audit\[jwt\]"):
        audited(tmp_path, identity=configured(key_file)).__enter__()
