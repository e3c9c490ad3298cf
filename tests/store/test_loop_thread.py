"""The event loop of our own: its calls end, and it survives forks and exits of its process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from otel_audit.errors import Retry
from otel_audit.store.loop_thread import LoopThread
from servers.fault_proxy import Hold

from .conftest import Bucket


class Recorder:
    """A client that notes where it was made and closed."""

    def __init__(self) -> None:
        self.made_in = threading.current_thread().name
        self.closed_in = ""

    async def close(self) -> None:
        self.closed_in = threading.current_thread().name


Loop = LoopThread[Recorder]


@pytest.fixture
def loop() -> Iterator[Loop]:
    thread = LoopThread("test-loop", Recorder)
    yield thread
    thread.close()


async def client_itself(client: Recorder) -> Recorder:
    return client


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_client_is_made_used_and_closed_on_the_loop(loop: Loop) -> None:
    client = loop.run(client_itself, timeout_s=10)
    assert loop.run(client_itself, timeout_s=10) is client
    assert client.made_in == "test-loop"
    loop.close()
    assert client.closed_in == "test-loop"
    assert "test-loop" not in threads()


def test_nothing_starts_before_it_is_used(loop: Loop) -> None:
    assert "test-loop" not in threads()
    loop.close()
    with pytest.raises(Retry, match="closed"):
        loop.run(client_itself, timeout_s=10)
    assert "test-loop" not in threads()


def test_what_a_call_raises_reaches_its_caller(loop: Loop) -> None:
    async def fail(_: Recorder) -> None:
        raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        loop.run(fail, timeout_s=10)


def test_a_client_that_cannot_be_made_is_tried_again() -> None:
    made: list[Recorder] = []

    def make() -> Recorder:
        made.append(Recorder())
        if len(made) == 1:
            raise Retry("not-yet")
        return made[-1]

    thread = LoopThread("test-loop", make)
    try:
        with pytest.raises(Retry, match="not-yet"):
            thread.run(client_itself, timeout_s=10)
        assert thread.run(client_itself, timeout_s=10) is made[1]
    finally:
        thread.close()


def test_a_call_ends_at_its_time_out(loop: Loop) -> None:
    ended = threading.Event()

    async def wait(_: Recorder) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Retry, match="timeout"):
        loop.run(wait, timeout_s=0.05)
    assert ended.wait(10)


def test_a_caller_is_let_go_when_the_loop_is_stuck(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_audit.store.loop_thread._GRACE_S", 0.05)
    stuck = threading.Event()

    async def block(_: Recorder) -> None:
        stuck.wait(60)

    began = monotonic()
    with pytest.raises(Retry, match="timeout"):
        loop.run(block, timeout_s=0.05)
    assert monotonic() - began < 10
    stuck.set()


def test_many_threads_wait_at_once(loop: Loop) -> None:
    arrived: list[int] = []
    both = asyncio.Event()

    async def meet(_: Recorder) -> None:
        arrived.append(1)
        if len(arrived) == 2:
            both.set()
        await both.wait()

    callers = [threading.Thread(target=loop.run, args=(meet,), kwargs={"timeout_s": 10}) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert both.is_set()


def test_work_of_the_executor_runs_in_daemon_threads(loop: Loop) -> None:
    async def look_up(_: Recorder) -> tuple[bool, str]:
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: (threading.current_thread().daemon, threading.current_thread().name)
        )

    async def fail(_: Recorder) -> None:
        await asyncio.get_running_loop().run_in_executor(None, int, "x")

    assert loop.run(look_up, timeout_s=10) == (True, "otel-audit-lookup")
    with pytest.raises(ValueError, match="invalid literal"):
        loop.run(fail, timeout_s=10)


PRELUDE = """
import hashlib, os, sys, threading
from otel_audit.store.base import StoreOptions
from otel_audit.store.open import open_store

endpoint, bucket = sys.argv[1:]
options = StoreOptions(gcs_endpoint=endpoint, gcs_credentials="anonymous", attempts=1, request_timeout_s=20)
store = open_store(f"gs://{bucket}", options)

def create(path):
    outcome = store.create(path, b"x", sha256=hashlib.sha256(b"x").hexdigest())
    print(path, outcome.value, flush=True)
"""

FORK_BETWEEN_CALLS = """
create("before")
if os.fork() == 0:
    create("in-child")
    sys.exit()
assert os.wait()[1] == 0
create("after")
"""

# The child ends as any program does, with all its finalisers, while a request of the parent waits for its
# answer. Then the parent is told to go on.
FORK_DURING_A_CALL = """
create("before")
call = threading.Thread(target=create, args=("held",))
call.start()
sys.stdin.readline()
if os.fork() == 0:
    create("in-child")
    sys.exit()
assert os.wait()[1] == 0
print("child is gone", flush=True)
call.join()
create("after")
store.close()
"""

EXIT_WITHOUT_CLOSE = """
create("a")
"""


@contextmanager
def running(script: str, endpoint: str, bucket: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + script, endpoint, bucket]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        except BaseException:
            # Its children hold the pipes open, too.
            os.killpg(process.pid, signal.SIGKILL)
            raise


def test_a_child_has_connections_of_its_own(bucket: Bucket) -> None:
    # To the server itself, which keeps connections open, as Cloud Storage does.
    with running(FORK_BETWEEN_CALLS, bucket.server.endpoint, bucket.name) as process:
        out, err = process.communicate(timeout=60)
    assert out.splitlines() == ["before created", "in-child created", "after created"]
    assert err == ""


def test_a_child_that_ends_takes_nothing_from_its_parent(bucket: Bucket) -> None:
    hold = Hold()
    bucket.proxy.add(lambda request: request.carries_bytes and "held" in request.target, hold)
    with running(FORK_DURING_A_CALL, bucket.proxy.endpoint, bucket.name) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert hold.arrived.wait(60)
        process.stdin.write("fork\n")
        process.stdin.flush()
        said: list[str] = []
        for line in process.stdout:
            said.append(line.strip())
            if said[-1] == "child is gone":
                break
        hold.go_on.set()
        out, err = process.communicate(timeout=60)
    assert [*said, *out.splitlines()] == [
        "before created",
        "in-child created",
        "child is gone",
        "held created",
        "after created",
    ]
    assert err == ""


def test_a_name_is_looked_up_where_no_thread_can_be_started_any_more(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_up(_: Recorder) -> bool:
        return bool(await asyncio.get_running_loop().getaddrinfo("localhost", 80))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    loop.run(client_itself, timeout_s=10)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert loop.run(look_up, timeout_s=10)


def test_a_process_that_never_closes_exits_in_silence(bucket: Bucket) -> None:
    with running(EXIT_WITHOUT_CLOSE, bucket.server.endpoint, bucket.name) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "a created\n", "")


@pytest.mark.parametrize("action", [lambda loop: loop.close(), lambda loop: loop.close() or loop.close()])
def test_closing_is_safe_at_any_time(action: Callable[[Loop], None]) -> None:
    thread = LoopThread("test-loop", Recorder)
    action(thread)
    thread = LoopThread("test-loop", Recorder)
    thread.run(client_itself, timeout_s=10)
    action(thread)
    assert "test-loop" not in threads()
