"""What holds on every cloud: manners towards the process, the application and its telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.store_contract import PATH, create
from otel_audit.store.base import ObjectInfo, Outcome
from servers.clouds import Cloud
from servers.fault_proxy import Request

AT_EXIT = """
import atexit, hashlib, queue, sys, threading
from otel_audit.errors import Retry
from otel_audit.store.open import open_store

store = open_store(sys.argv[1])
asked, done = queue.SimpleQueue(), queue.SimpleQueue()

def work():
    while True:
        path = asked.get()
        try:
            done.put(store.create(path, b"x", sha256=hashlib.sha256(b"x").hexdigest()).value)
        except Retry as error:
            done.put(f"retry {error.cause}")

threading.Thread(target=work, daemon=True).start()

def upload(path):
    asked.put(path)
    print(done.get(timeout=60))

if sys.argv[2] == "early":
    upload("early")
atexit.register(upload, "late")
"""

AFTER_FORK = """
import hashlib, os, sys
from otel_audit.store.open import open_store

store = open_store(sys.argv[1])

def upload(path):
    print(store.create(path, b"x", sha256=hashlib.sha256(b"x").hexdigest()).value, flush=True)

upload("parent")
child = os.fork()
if child == 0:
    upload("child")
    store.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
upload("parent again")
store.close()
"""


def run(script: str, *arguments: str) -> list[str]:
    """Its output; it must end by itself, well, and say nothing else."""
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout.splitlines()


@pytest.mark.parametrize("first", ["early", "late"])
def test_an_upload_at_exit_is_made(cloud: Cloud, first: str) -> None:
    """The telemetry SDK flushes in ``atexit``, where asyncio can no longer look up a name such as localhost."""
    assert run(AT_EXIT, cloud.url, first) == ["created"] * (2 if first == "early" else 1)
    assert cloud.stored("late") == b"x"


def test_a_forked_process_uploads_on_its_own(cloud: Cloud) -> None:
    assert run(AFTER_FORK, cloud.url) == ["created"] * 3
    assert [cloud.stored(name) for name in ("parent", "child", "parent again")] == [b"x"] * 3


def test_our_own_requests_make_no_spans(cloud: Cloud, spans: Callable[[], list[str]]) -> None:
    store = cloud.open()
    create(store, PATH, b"content")
    store.read(PATH)
    list(store.list())
    assert len(cloud.proxy.requests) >= 3
    assert spans() == []


def test_parquet_is_read_by_the_ranges_it_needs(cloud: Cloud, tmp_path: Path) -> None:
    noise = [os.urandom(64).hex() for _ in range(40_000)]
    table = pa.table({"wanted": list(range(40_000)), "request": noise, "response": noise})
    pq.write_table(table, tmp_path / "file.parquet", compression="none", use_dictionary=False)
    content = (tmp_path / "file.parquet").read_bytes()
    cloud.plant(PATH, content)
    with cloud.open().open_input(PATH) as file:
        read = pq.ParquetFile(file).read(columns=["wanted"])
    assert read.equals(table.select(["wanted"]))
    asked = [_length(request) for request in cloud.proxy.requests if request.method == "GET"]
    assert 2 <= len(asked) <= 6
    assert sum(asked) < len(content) / 20


def _length(request: Request) -> int:
    text = request.headers.get("x-ms-range") or request.headers["range"]
    start, _, end = text.removeprefix("bytes=").partition("-")
    return int(end) + 1 - int(start) if start else int(end)


def test_a_prefix_keeps_destinations_apart(cloud: Cloud) -> None:
    cloud.plant("a", b"xx")
    cloud.plant("b/c", b"x")
    assert list(cloud.open().list()) == [ObjectInfo("a", 2), ObjectInfo("b/c", 1)]
    cloud.url = cloud.url.replace("/prefix", "/pre")
    assert list(cloud.open().list()) == []
    assert create(cloud.open(), "a", b"x") is Outcome.CREATED
    assert cloud.stored("a") == b"xx"
