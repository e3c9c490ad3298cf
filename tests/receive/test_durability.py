"""An answer is a promise: what was taken is found whatever happens, what was not is still with its sender."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import socket
import threading
from collections import Counter
from pathlib import Path

import grpc
import httpx
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import Sender
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.answers import Verdict
from otel_audit.receive.desk import Desk
from otel_audit.receive.gate import Gate
from otel_audit.receive.grpc_door import make_server
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request
from receive.conftest import StartSink, export_of

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}
SENDERS = 4
SOMEBODY = Sender("none", "192.0.2.7")


def test_what_was_answered_ok_survives_kill_9(start_sink: StartSink) -> None:
    sink = start_sink()
    taken: list[str] = []
    enough = threading.Event()

    def send(sender: int) -> None:
        with requests.Session() as session, grpc.insecure_channel(sink.grpc) as channel:
            for number in itertools.count():
                names = [f"{sender}/{number}/{part}" for part in range(20)]
                body = export_of(*names).SerializeToString()
                try:
                    if sender % 2:
                        channel.unary_unary(TRACES)(body, timeout=10)
                    else:
                        answer = session.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10)
                        answer.raise_for_status()
                except (requests.RequestException, grpc.RpcError):
                    return
                taken.extend(names)
                if len(taken) > 2_000:
                    enough.set()

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        sending = [senders.submit(send, sender) for sender in range(SENDERS)]
        assert enough.wait(60)
        sink.kill()
        for one in sending:
            one.result(60)

    assert start_sink().stop() == (0, "")
    found = Counter(record["spanName"] for record in sink.records())
    assert set(taken) <= found.keys()
    whole = Counter(name.rpartition("/")[0] for name in found)
    assert set(whole.values()) == {20}, "a request is there whole or not at all"


def test_a_full_spool_takes_nothing_and_says_when_to_come_back(start_sink: StartSink) -> None:
    full = start_sink(OTEL_AUDIT_SPOOL_MAX_BYTES="1MiB")  # of which losses have a MiB for themselves
    body = export_of("GET").SerializeToString()

    answer = requests.post(f"{full.http}/v1/traces", body, headers=PROTOBUF, timeout=10)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert Status.FromString(answer.content).code == grpc.StatusCode.UNAVAILABLE.value[0]
    with grpc.insecure_channel(full.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(TRACES)(body, timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_delay_s(refused.value) > 0
    assert requests.get(f"{full.http}/readyz", timeout=10).status_code == 503
    assert requests.get(f"{full.http}/healthz", timeout=10).status_code == 200
    full.kill()

    roomy = start_sink()
    assert requests.post(f"{roomy.http}/v1/traces", body, headers=PROTOBUF, timeout=10).ok
    assert requests.get(f"{roomy.http}/readyz", timeout=10).status_code == 200
    assert roomy.stop()[0] == 0
    assert [record["spanName"] for record in roomy.records()] == ["GET"]


def test_overload_is_said_and_costs_no_request(start_sink: StartSink) -> None:
    sink = start_sink("--max-waiting-requests", "1")
    bodies = {f"{number}": export_of(*[f"{number}"] * 300).SerializeToString() for number in range(12)}

    async def send(client: httpx.AsyncClient, name: str) -> int:
        refusals = 0
        while True:
            answer = await client.post(f"{sink.http}/v1/traces", content=bodies[name], headers=PROTOBUF)
            if answer.status_code == 200:
                return refusals
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) > 0
            refusals += 1

    async def send_all() -> int:
        async with httpx.AsyncClient(timeout=30) as client:
            return sum(await asyncio.gather(*(send(client, name) for name in bodies)))

    assert asyncio.run(send_all()) > 0
    assert sink.stop() == (0, "")
    assert Counter(record["spanName"] for record in sink.records()) == dict.fromkeys(bodies, 300)


def test_bodies_that_never_arrive_hold_nobody_up(start_sink: StartSink) -> None:
    sink = start_sink("--max-waiting-requests", "2")
    host, port = sink.http.removeprefix("http://").split(":")
    with contextlib.ExitStack() as connections:
        for _ in range(20):
            slow = connections.enter_context(socket.create_connection((host, int(port))))
            slow.sendall(
                b"POST /v1/traces HTTP/1.1\r\nhost: sink\r\ncontent-type: application/x-protobuf\r\n"
                b"content-length: 1000\r\n\r\n\x0a"
            )
        body = export_of("GET").SerializeToString()
        assert requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10).status_code == 200


@pytest.mark.usefixtures("quiet_log")
def test_overload_over_grpc_says_when_to_come_back(tmp_path: Path) -> None:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")})
    pipeline = Pipeline(pipeline_options(settings, service="sink"))
    pipeline.open()

    async def refused() -> aio.AioRpcError:
        desk = Desk(pipeline, ReceiveOptions(max_waiting_requests=1))
        server = make_server(desk, Gate())
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        assert desk.room.enter(), "another request waits"
        try:
            async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                with pytest.raises(aio.AioRpcError) as error:
                    await channel.unary_unary(TRACES)(export_of("GET").SerializeToString(), timeout=10)
                desk.room.leave(0)
                assert await channel.unary_unary(TRACES)(b"", timeout=10) == b""
            return error.value
        finally:
            assert await desk.close(10)
            await server.stop(0)

    error = asyncio.run(refused())
    assert pipeline.close(10)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_delay_s(error) > 0


@pytest.mark.usefixtures("quiet_log")
def test_who_goes_away_leaves_no_memory_behind_and_costs_no_work(tmp_path: Path) -> None:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")})
    pipeline = Pipeline(pipeline_options(settings, service="sink"))
    pipeline.open()
    request = Request("traces", "protobuf", "identity", export_of("GET").SerializeToString(), SOMEBODY)

    async def go_away() -> None:
        desk = Desk(pipeline, ReceiveOptions())
        waiting = []
        for _ in range(50):
            assert desk.room.hold(len(request.body))
            waiting.append(asyncio.create_task(desk.deliver(request)))
        await asyncio.sleep(0)
        for one in waiting[1:]:
            one.cancel()
        answer = await waiting[0]
        assert answer.verdict is Verdict.TAKEN
        assert await desk.close(10)
        assert (desk.room.requests, desk.room.bytes) == (0, 0)

    asyncio.run(go_away())
    assert pipeline.close(10)


def retry_delay_s(error: grpc.RpcError) -> int:
    """What ``RetryInfo`` in the error's trailers says."""
    trailers = dict(error.trailing_metadata())
    details = Status.FromString(trailers["grpc-status-details-bin"]).details
    info = RetryInfo()
    assert details[0].Unpack(info)
    return int(info.retry_delay.seconds)
