"""How a program of one process ends, and what becomes of the spans that ended just before."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import Counter
from typing import Any

import pytest

from processes.running import environment, recorded, running
from sdk.written import rows

BEGIN = """
import os, signal, sys, threading, time
from opentelemetry import trace

def call(number):
    attributes = {"http.request.method": "GET", "url.path": f"/work/{number}"}
    trace.get_tracer("app").start_span("GET", kind=trace.SpanKind.SERVER, attributes=attributes).end()

def calls(numbers):
    for number in numbers:
        call(number)
"""


def run(tmp_path, program: str, **settings) -> int:
    path = tmp_path / "program.py"
    path.write_text(BEGIN + program)
    log = tmp_path / "program.log"
    with running(["python", str(path)], environment(tmp_path, **settings), log) as process:
        status = process.wait(90)
    text = log.read_text()
    assert "audit records lost" not in text, text
    return status


def paths(*numbers: range) -> Counter[str]:
    return Counter(f"/work/{number}" for several in numbers for number in several)


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('boom')", 1),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM),
        (
            "try: os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(4)",
            4,
        ),
        ("threading.Thread(target=calls, args=(range(10, 20),)).start()", 0),
        ("import atexit; atexit.register(calls, range(10, 20))", 0),
        (
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); os.kill(os.getpid(), 15); time.sleep(60)",
            5,
        ),
        ("signal.signal(15, lambda *_: (calls(range(10, 20)), sys.exit(0))); os.kill(os.getpid(), 15)", 0),
    ],
    ids=[
        "return",
        "sys.exit",
        "exception",
        "SIGTERM",
        "SIGINT",
        "thread",
        "atexit",
        "handler",
        "handler-records",
    ],
)
def test_nothing_is_lost_however_it_ends(tmp_path, ending, status):
    assert run(tmp_path, f"calls(range(10))\n{ending}\n") == status
    later = range(10, 20) if "10, 20" in ending else range(0)
    assert recorded(tmp_path) == paths(range(10), later)


@pytest.mark.parametrize(
    "program", ["call(1)", "import atexit; atexit.register(call, 1)"], ids=["last", "atexit"]
)
def test_a_program_that_ends_at_once_delivers_by_itself(tmp_path, program):
    assert run(tmp_path, program) == 0
    assert [row["requestPath"] for row in rows({"destination": str(tmp_path / "log")}, "requestPath")] == [
        "/work/1"
    ]
    assert recorded(tmp_path) == paths(range(1, 2)), (
        "nothing is left to do for the next one, and no gap to tell"
    )


def test_a_program_that_ends_at_once_uploads_by_itself(tmp_path, cloud):
    assert run(tmp_path, "call(1)", OTEL_AUDIT_DESTINATION=cloud.url, **cloud.environment) == 0
    assert [len(manifest["files"]) for manifest in manifests(cloud)] == [1]


def manifests(cloud) -> list[dict[str, Any]]:
    store = cloud.open()
    return [json.loads(store.read(found.path)) for found in store.list("_audit/manifests/")]


def test_a_handler_that_the_application_set_or_unset_is_what_it_sees(tmp_path):
    program = """
call(1)
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
def mine(*_): pass
assert signal.signal(signal.SIGTERM, mine) is signal.SIG_DFL
assert signal.getsignal(signal.SIGTERM) is mine
os.kill(os.getpid(), signal.SIGTERM)
assert signal.signal(signal.SIGTERM, signal.SIG_DFL) is mine
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
assert signal.signal(signal.SIGTERM, signal.SIG_IGN) is signal.SIG_DFL
os.kill(os.getpid(), signal.SIGTERM)
call(2)
"""
    assert run(tmp_path, program) == 0
    assert recorded(tmp_path) == paths(range(1, 3))


def test_where_asked_sigterm_is_left_alone(tmp_path):
    program = """
call(1)
print(hasattr(signal.signal, "__wrapped__"))
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    assert run(tmp_path, program, OTEL_AUDIT_ON_SIGTERM="ignore", PYTHONUNBUFFERED="1") == -signal.SIGTERM
    assert "False" in (tmp_path / "program.log").read_text()


@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"], ids=str)
def test_a_forked_child_has_a_slot_of_its_own(tmp_path, ending):
    program = f"""
calls(range(5))
child = os.fork()
if child == 0:
    calls(range(5, 10))
    assert trace.get_tracer_provider().force_flush()
    {ending}
os.waitpid(child, 0)
calls(range(10, 15))
"""
    assert run(tmp_path, program) == 0
    found = recorded(tmp_path)
    gaps = found.pop("audit.gap", 0)
    assert gaps == (1 if "_exit(0)" in ending and "sys" not in ending else 0), "os._exit is an unclean end"
    assert found == paths(range(15))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(tmp_path, method):
    program = f"""
import multiprocessing
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    calls(range(5))
    children = [context.Process(target=calls, args=(range(n, n + 5),)) for n in (5, 10)]
    for child in children: child.start()
    for child in children: child.join()
    with context.Pool(2) as pool:
        pool.map(call, range(15, 25))
        pool.close()
        pool.join()
"""
    assert run(tmp_path, program) == 0
    assert recorded(tmp_path) == paths(range(25))


def test_killed_what_was_durable_is_found_and_the_end_is_told(tmp_path):
    program = """
calls(range(10))
trace.get_tracer_provider().force_flush()
calls(range(10, 20))
os.kill(os.getpid(), 9)
"""
    assert run(tmp_path, program) == -9
    found = recorded(tmp_path)
    assert found["audit.gap"] == 1
    assert paths(range(10)) <= found <= paths(range(20)) + Counter({"audit.gap": 1})


def test_celery_prefork(tmp_path):
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    env = environment(tmp_path, "celery", JOBS_FOLDER=str(jobs))
    log = tmp_path / "worker.log"
    send = "import jobs\nfor number in range(20): jobs.work.delay(number)"
    subprocess.run([env["PATH"].split(":")[0] + "/python", "-c", send], env=env, check=True, timeout=60)
    with running(["celery", "-A", "jobs", "worker", "--concurrency", "2", "-l", "INFO"], env, log) as worker:
        pause = threading.Event()
        while (text := log.read_text()).count("succeeded") < 20:
            assert worker.poll() is None, text
            pause.wait(0.05)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert recorded(tmp_path) == paths(range(20))


def test_killed_before_anything_was_durable_the_next_one_tells(tmp_path):
    assert run(tmp_path, "call(1)\nos.kill(os.getpid(), 9)\n") == -9
    assert not list((tmp_path / "spool").glob("*/slot-*")), "not even a slot was taken"
    assert run(tmp_path, "call(2)\n") == 0
    assert recorded(tmp_path) == Counter({"/work/2": 1, "audit.gap": 1})
    assert run(tmp_path, "call(3)\n") == 0
    assert recorded(tmp_path) == Counter({"/work/2": 1, "/work/3": 1, "audit.gap": 1}), "it is told once"
