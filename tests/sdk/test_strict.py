"""``delivery = "strict"``: what the application was held for is on the disk."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit.errors import SpoolFull
from otel_audit.sdk import recorder as recorder_module
from otel_audit.spool import StreamWriter
from sdk.written import rows


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture
def provider():
    made = TracerProvider(shutdown_on_exit=False)
    yield made
    made.shutdown()


def call(provider: TracerProvider, number: int) -> None:
    attributes = {"http.request.method": "GET", "url.path": f"/{number}"}
    provider.get_tracer("web").start_span("GET", kind=SpanKind.SERVER, attributes=attributes).end()


def test_nothing_that_was_ended_is_lost_when_the_process_is_killed(places):
    pid = os.fork()
    if pid == 0:
        provider = TracerProvider(shutdown_on_exit=False)
        otel_audit.install(provider=provider, delivery="strict", **places)
        threads = [threading.Thread(target=call, args=(provider, n)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    with otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places) as installation:
        otel_audit.get_audit_logger().emit("after.all", actor_id="u1", action="READ", outcome="success")
        assert installation.flush()
    found = [row["requestPath"] for row in rows(places, "requestPath") if row["requestPath"]]
    assert sorted(found) == sorted(f"/{n}" for n in range(20))


def test_a_disk_that_refuses_fails_the_health_and_the_record_stays_queued(provider, places, monkeypatch):
    installation = otel_audit.install(provider=provider, delivery="strict", **places)
    call(provider, 1)
    assert installation.health().is_ok

    def refuse(self):
        raise SpoolFull("a bound of the spool is reached")

    with monkeypatch.context() as patched:
        patched.setattr(recorder_module, "STRICT_WAIT_S", 0.2)
        patched.setattr(StreamWriter, "sync", refuse)
        call(provider, 2)
        health = installation.health()
        assert not health.is_ok
        assert "strict-timeout" in health.delivery_troubles
        assert health.not_durable == "a bound of the spool is reached"
    call(provider, 3)
    assert installation.flush()
    call(provider, 4)
    assert installation.health().is_ok
    assert installation.flush()
    assert sorted(str(row["requestPath"]) for row in rows(places, "requestPath")) == ["/1", "/2", "/3", "/4"]
    installation.uninstall()


def test_on_an_event_loop_the_middleware_waits_and_the_loop_does_not(provider, places, monkeypatch):
    installation = otel_audit.install(provider=provider, delivery="strict", **places)
    syncs: list[int] = []
    real = StreamWriter.sync
    go_on = threading.Event()

    def slow(self):
        go_on.wait(30)
        real(self)
        syncs.append(1)

    monkeypatch.setattr(StreamWriter, "sync", slow)
    order: list[str] = []

    async def app(scope, receive, send):
        call(provider, 1)
        order.append("answered")

    async def other() -> None:
        order.append("the loop is free")
        go_on.set()

    async def serve() -> None:
        request = asyncio.create_task(otel_audit.StrictASGIMiddleware(app)({}, None, None))
        while "answered" not in order:
            await asyncio.sleep(0)
        await other()
        await request
        order.append(f"over after {len(syncs) > 0 and 'fsync'}")

    asyncio.run(serve())
    assert order == ["answered", "the loop is free", "over after fsync"]
    assert installation.health().is_ok
    installation.uninstall()


def test_on_an_event_loop_without_the_middleware_the_health_says_that_nobody_waits(provider, places):
    installation = otel_audit.install(provider=provider, delivery="strict", **places)

    async def handler() -> None:
        call(provider, 1)

    asyncio.run(handler())
    assert "strict-on-event-loop" in installation.health().delivery_troubles
    assert installation.flush()
    assert len(rows(places)) == 1
    installation.uninstall()


def test_a_loss_is_a_promise_that_stays_broken(provider, places):
    installation = otel_audit.install(provider=provider, delivery="strict", **places)
    call(provider, 1)
    assert installation.health().is_ok
    installation._processor._recorder.losses.add("internal-error", 1)
    call(provider, 2)
    assert "strict-lost" in installation.health().delivery_troubles
    assert not installation.health().is_ok
    installation.uninstall()
