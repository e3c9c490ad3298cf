"""The verified user's id goes along to the hosts that a setting names, over real HTTP, and to no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus

import pytest
import requests
from opentelemetry import baggage, context, propagate
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_audit
from sdk.identity.audited import audited


class Service:
    """Keeps the headers of what it is asked, by host."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.seen.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def asked(self, host: str) -> str | None:
        """Ask it under one of its names; the baggage that came."""
        requests.get(f"http://{host}:{self.port}/", timeout=5)
        return self.seen[-1].get("baggage")


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def instrumented() -> Iterator[RequestsInstrumentor]:
    instrumentor = RequestsInstrumentor()
    yield instrumentor
    instrumentor.uninstrument()


def test_only_to_the_hosts_that_are_named(tmp_path, service, instrumented):
    before = propagate.get_global_textmap()
    with audited(tmp_path, identity={"propagate_to": ["local*", "*.internal.example"]}) as log:
        instrumented.instrument(tracer_provider=log.provider)
        with log.server():
            assert service.asked("localhost") is None, "nobody is known yet"
            otel_audit.set_user("u ü,1")
            assert unquote_plus(service.asked("localhost")) == "user.id=u ü,1"
            assert service.asked("127.0.0.1") is None
            assert "traceparent" in service.seen[-1]
        with log.server():
            assert service.asked("localhost") is None, "another request"
    assert propagate.get_global_textmap() is before


def test_beside_the_application_s_own_baggage(tmp_path, service, instrumented):
    with audited(tmp_path, identity={"propagate_to": ["localhost"]}) as log:
        instrumented.instrument(tracer_provider=log.provider)
        with log.server():
            otel_audit.set_user("u1")
            token = context.attach(baggage.set_baggage("tenant", "acme"))
            assert set(service.asked("localhost").split(",")) == {"tenant=acme", "user.id=u1"}
            assert service.asked("127.0.0.1") == "tenant=acme"
            context.detach(token)


def test_without_a_baggage_propagator_nothing_else_goes_along(tmp_path, service, instrumented):
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator()]))
    try:
        with audited(tmp_path, identity={"propagate_to": ["localhost"]}) as log:
            instrumented.instrument(tracer_provider=log.provider)
            with log.server():
                otel_audit.set_user("u1")
                token = context.attach(baggage.set_baggage("tenant", "acme"))
                assert service.asked("localhost") == "user.id=u1"
                assert service.asked("127.0.0.1") is None
                context.detach(token)
    finally:
        propagate.set_global_textmap(before)


def test_by_default_nobody_is_told(tmp_path, service, instrumented):
    with audited(tmp_path) as log:
        instrumented.instrument(tracer_provider=log.provider)
        with log.server():
            otel_audit.set_user("u1")
            assert service.asked("localhost") is None


def test_a_claim_is_not_passed_on_as_ours(tmp_path, service, instrumented):
    """What a caller's baggage says is the application's propagator's business; it is never made of our own accord."""
    with audited(tmp_path, identity={"propagate_to": ["localhost"]}) as log:
        instrumented.instrument(tracer_provider=log.provider)
        with log.server(**{"http.request.header.x_user": ("ceo",)}):
            assert service.asked("localhost") is None
