"""Flask-Login's ``current_user``, in a real application with sessions."""

from __future__ import annotations

from typing import Any

import flask
import flask_login
import pytest
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from sdk.identity.audited import Audited, audited, known, who


class Person(flask_login.UserMixin):
    def __init__(self, id_: str) -> None:
        self.id = id_
        self.name, self.email = "Jane Doe", "jane@example.com"
        self.staff_number = "s-" + id_


def make_app(log: Audited) -> flask.Flask:
    app = flask.Flask("shop")
    app.secret_key = "not a secret"
    manager = flask_login.LoginManager(app)
    app.loads = 0

    @manager.user_loader
    def load(user_id: str) -> Person:
        app.loads += 1
        return Person(user_id)

    @app.post("/login")
    def login() -> str:
        flask_login.login_user(Person(flask.request.form["id"]))
        return "in"

    @app.post("/logout")
    def logout() -> str:
        flask_login.logout_user()
        return "out"

    @app.post("/orders")
    @flask_login.login_required
    def order() -> dict[str, Any]:
        log.chat(**{"llm.user": flask.request.json["user"], "enduser.id": flask.request.json["user"]})
        return {"by": flask_login.current_user.id}

    @app.get("/whoami")
    def whoami() -> str:
        return str(flask_login.current_user.is_authenticated)

    @app.get("/public")
    def public() -> str:
        log.client()
        return "all"

    FlaskInstrumentor.instrument_app(app, tracer_provider=log.provider)
    return app


@pytest.fixture
def log(tmp_path):
    with audited(tmp_path) as log:
        yield log


def test_a_logged_in_clerk_who_posts_that_they_are_the_ceo(log):
    app = make_app(log)
    clerk = app.test_client()
    clerk.post("/login", data={"id": "clerk"})
    answer = clerk.post("/orders", json={"user": "ceo"}, headers={"x-user": "ceo", "baggage": "user.id=boss"})
    assert answer.json == {"by": "clerk"}
    login, order, chat = log.records()
    for record in (login, order, chat):
        assert known(record["user"]) == {
            "id": "clerk", "type": "user", "origin": "flask-login", "assurance": "verified",
        }  # fmt: skip
    assert known(login["auth"]) == {"method": "session"}
    assert {"origin": "baggage:user.id", "id": "boss"} in order["userClaims"]
    assert {"origin": "enduser.id", "id": "ceo"} in chat["userClaims"]


def test_what_they_post_is_a_claim_where_bodies_are_captured(tmp_path):
    with audited(tmp_path, capture={"request_body": True}) as log:
        clerk = make_app(log).test_client()
        clerk.post("/login", data={"id": "clerk"})
        clerk.post("/orders", json={"user": "ceo"})
        (order,) = [record for record in log.records() if record["spanName"] == "POST /orders"]
    assert order["request"] == '{"user":"ceo"}'
    assert who(order) == ("clerk", "verified")
    assert order["userClaims"] == [{"origin": "body:user", "id": "ceo"}]


def test_nobody_is_logged_in_and_nobody_looked(log):
    app = make_app(log)
    stranger = app.test_client()
    assert stranger.get("/whoami").text == "False"
    assert stranger.get("/public").text == "all"
    whoami, public, client = log.records()
    assert known(whoami["user"]) == {"type": "anonymous", "origin": "flask-login", "assurance": "verified"}
    assert known(public["user"]) == known(client["user"]) == {"type": "unknown", "assurance": "none"}


def test_the_application_loads_its_users_as_often_as_without_us(log):
    app = make_app(log)
    clerk = app.test_client()
    clerk.post("/login", data={"id": "clerk"})
    clerk.get("/public")
    assert app.loads == 0
    clerk.get("/whoami")
    assert app.loads == 1


def test_who_logs_out_is_who_it_was(log):
    app = make_app(log)
    clerk = app.test_client()
    clerk.post("/login", data={"id": "clerk"})
    clerk.post("/logout")
    clerk.get("/whoami")
    assert [who(record) for record in log.records()] == [
        ("clerk", "verified"), ("clerk", "verified"), (None, "verified"),
    ]  # fmt: skip


def test_a_user_who_was_loaded_before_the_span_began(log):
    """Functions that run before the request are called in the order in which they were registered."""
    app = flask.Flask("shop")
    app.secret_key = "not a secret"
    flask_login.LoginManager(app).user_loader(Person)

    @app.before_request
    def require_login() -> None:
        if flask.request.path != "/login" and not flask_login.current_user.is_authenticated:
            flask.abort(401)

    FlaskInstrumentor.instrument_app(app, tracer_provider=log.provider)

    @app.post("/login")
    def login() -> str:
        flask_login.login_user(Person("clerk"))
        return "in"

    @app.get("/orders")
    def orders() -> str:
        log.chat()
        return "all"

    clerk = app.test_client()
    clerk.post("/login")
    assert clerk.get("/orders").text == "all"
    assert {who(record) for record in log.records()} == {("clerk", "verified")}


def test_fields_and_another_id(tmp_path):
    with audited(tmp_path, identity={"fields": ["email"], "user_attribute": "staff_number"}) as log:
        make_app(log).test_client().post("/login", data={"id": "7"})
        (record,) = log.records()
    assert record["user"]["id"] == "s-7"
    assert record["user"]["email"] == "jane@example.com"
    assert record["user"]["name"] is None


def test_what_the_application_says_itself_comes_first(log):
    app = make_app(log)

    @app.get("/impersonated")
    def impersonated() -> str:
        otel_audit.set_user("operator")
        return str(flask_login.current_user.is_authenticated)

    clerk = app.test_client()
    clerk.post("/login", data={"id": "clerk"})
    clerk.get("/impersonated")
    record = log.records()[1]
    assert who(record) == ("operator", "verified")
    assert record["userClaims"] == [{"origin": "flask-login", "id": "clerk"}]


def test_uninstalled_everything_is_as_before(tmp_path):
    before = {
        (owner, name): vars(owner)[name]
        for owner, name in (
            (flask.Flask, "dispatch_request"),
            (flask.Flask, "finalize_request"),
            (flask_login.LoginManager, "_update_request_context_with_user"),
        )
    }
    with audited(tmp_path):
        assert all(vars(owner)[name] is not function for (owner, name), function in before.items())
    assert all(vars(owner)[name] is function for (owner, name), function in before.items())


def test_an_error_of_ours_stays_ours(log, monkeypatch):
    from otel_audit.sdk.identity import flask_users

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(flask_users, "note_user", broken)
    app = make_app(log)
    assert app.test_client().get("/whoami").text == "False"
    assert who(log.records()[0]) == (None, "none")


def test_without_spans_of_ours_nothing_is_noted(log):
    """An application that is not instrumented, in a process that is audited."""
    provider = TracerProvider(shutdown_on_exit=False)
    log.provider, audited_provider = provider, log.provider
    app = make_app(log)
    log.provider = audited_provider
    app.test_client().post("/login", data={"id": "clerk"})
    with log.server():
        pass
    assert [who(record) for record in log.records()] == [(None, "none")]
