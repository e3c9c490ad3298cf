"""Kills a process at the k-th call of its file system or store, for every k, and judges what the next one finds.

Run as ``python -m faults.killing``. This process loads everything and starts no thread, so that a child forked from
it is at work at once. For each k it forks a child that records in ``strict`` delivery and by ``emit()`` and says
what was acknowledged; its k-th call kills it, or fails. Another child then goes on with the spool, drains it, and
reads the log back: what was acknowledged is there, nothing is there twice, every chain and hash is true, and an
end that was not orderly is told.
"""

from __future__ import annotations

import argparse
import errno
import inspect
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet  # noqa: F401  loaded before the fork
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_audit
from faults.torture.committed import read
from otel_audit.convert import from_sdk  # noqa: F401  likewise
from otel_audit.errors import Retry
from otel_audit.pipeline.path import Pipeline  # noqa: F401  likewise
from otel_audit.sdk.processor import AuditSpanProcessor
from otel_audit.spool.files import Files
from otel_audit.store.open import open_store

READING: Final = frozenset(
    {"status", "pread", "names", "read", "open_read", "close", "disk", "user", "file_sizes", "file_system"}
    | {"try_lock", "is_link"}
)
"""Calls that change nothing: a kill before one is a kill after the change before it."""

FILES: Final = tuple(
    name
    for name, function in vars(Files).items()
    if inspect.isfunction(function) and not name.startswith("_") and name not in READING
)

KINDS: Final = (
    "file-kill",
    "file-error",
    "store-kill",
    "store-kill-after",
    "store-error",
    "store-lost-answer",
)

MOST: Final = 2_000
"""Calls after which a life that should have ended is a defect of this harness."""


class Faults:
    """Counts calls and does something at the k-th."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at, self._act = at, act
        self.count = 0
        self._lock = threading.Lock()

    def call(self) -> bool:
        """Count one. Returns whether it is the one; does what was asked first."""
        with self._lock:
            self.count += 1
            is_it = self.count == self.at
        if is_it:
            self._act()
        return is_it


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise OSError(errno.EIO, "input/output error")


def break_files(faults: Faults) -> None:
    """Every change of the spool's file system counts."""
    for name in FILES:
        setattr(Files, name, _before(vars(Files)[name], faults))


def break_store(store: Any, faults: Faults, *, after: bool, error: bool) -> None:
    """Every create of the store counts, before it is done or after it was applied."""
    kind = type(store)
    real = kind.create

    def create(self: Any, path: str, content: Any, *, sha256: str) -> Any:
        answer = real(self, path, content, sha256=sha256) if after else None
        if faults.call() and error:
            raise Retry("reset", path=path)
        return answer if after else real(self, path, content, sha256=sha256)

    kind.create = create


def _before(real: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        faults.call()
        return real(*arguments, **named)

    return call


class Life:
    """One folder, one destination.

    Args:
        url: of the destination.
        folder: for the spool.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def _begin(self) -> tuple[AuditSpanProcessor, TracerProvider]:
        processor = AuditSpanProcessor(
            destination=self.url,
            spool=str(self.folder / "spool"),
            delivery="strict",
            rotation={"max_age": "1h"},
            on_sigterm="ignore",
        )
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        return processor, provider

    def work(self, say: Callable[[str], None]) -> None:
        """Record, and say what was acknowledged."""
        processor, provider = self._begin()
        logger = otel_audit.get_audit_logger()
        tracer = provider.get_tracer("killing")

        def end(attributes: dict[str, str], kind: SpanKind) -> None:
            span = tracer.start_span("work", kind=kind, attributes=attributes)
            span.end()
            if processor.health().is_ok and not processor.health().lost:
                say(f"{span.get_span_context().span_id:016x}")

        end({"http.request.method": "GET", "url.path": "/orders"}, SpanKind.SERVER)
        end({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, SpanKind.CLIENT)
        receipt = logger.emit("order.cancel", actor_id="u1", action="CANCEL", outcome="success")
        say(receipt.record_id)
        processor.force_flush(20_000)
        end({"http.request.method": "GET", "url.path": "/orders"}, SpanKind.SERVER)
        processor.shutdown()

    def finish(self) -> None:
        """What the next process does."""
        processor, _ = self._begin()
        otel_audit.get_audit_logger().emit("after.all", actor_id="u1", action="READ", outcome="success")
        assert processor.force_flush(60_000), "everything is at its destination"
        processor.shutdown()


def in_child(run: Callable[[], None]) -> int:
    """Wait status of a forked child that runs it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            run()
            status = 0
        except BaseException:  # noqa: BLE001  (a child's error must not run the parent's code)
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def one(kind: str, at: int, url: str, folder: Path) -> tuple[bool, list[str]]:
    """Kill or fail at one call. Returns whether the call was reached, and what is wrong afterwards."""
    life = Life(url, folder)
    reader, writer = os.pipe()

    def broken() -> None:
        act = kill if "kill" in kind else fail if kind == "file-error" else lambda: None
        faults = Faults(at, act)
        if kind.startswith("file"):
            break_files(faults)
        else:
            after = kind in ("store-kill-after", "store-lost-answer")
            with closing(open_store(url)) as store:
                break_store(store, faults, after=after, error="kill" not in kind)
        life.work(lambda told: os.write(writer, told.encode() + b"\n") and None)
        os.write(writer, b"reached\n" if faults.count >= at else b"over\n")

    status = in_child(broken)
    os.close(writer)
    with os.fdopen(reader) as said:
        acknowledged = said.read().split()
    killed = os.WIFSIGNALED(status)
    reached = killed or "reached" in acknowledged
    acknowledged = [each for each in acknowledged if each not in ("reached", "over")]
    problems: list[str] = []
    if not killed and status:
        problems.append("the working child failed")

    def judge() -> None:
        life.finish()
        with closing(open_store(url)) as store:
            found = read(store)
        wrong = [*found.problems]
        wrong += [
            f"{each} was acknowledged and is there {found.ids[each]} times"
            for each in acknowledged
            if found.ids[each] != 1
        ]
        wrong += [f"{each} is there {count} times" for each, count in found.ids.items() if count > 1]
        print("\n".join(f"  {line}" for line in wrong), end="\n" if wrong else "", flush=True)
        assert not wrong

    if in_child(judge):
        problems.append("what the next process found is not as it should be")
    return reached, problems


def main() -> int:
    """0 if nothing acknowledged was lost and nothing is there twice, whenever the process ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty destination; by default local folders")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--part", type=int, default=0, help="of --of: this share of the calls")
    parser.add_argument("--of", type=int, default=1)
    arguments = parser.parse_args()
    # What waits and why is said at length; here only what is wrong counts.
    logging.getLogger("otel_audit").setLevel(logging.CRITICAL)
    failed = tried = 0
    for kind in arguments.kinds.split(","):
        for at in range(1 + arguments.part, MOST, arguments.of):
            folder = Path(tempfile.mkdtemp(prefix="otel-audit-killing-"))
            url = f"{arguments.url}/{kind}-{at}" if arguments.url else str(folder / "log")
            try:
                reached, problems = one(kind, at, url, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            tried += reached
            for problem in problems:
                failed += 1
                print(f"PROBLEM {kind} at call {at}: {problem}", flush=True)
            if not reached:
                break
        else:
            print(f"PROBLEM {kind}: more than {MOST} calls")
            failed += 1
    print(f"{tried} calls tried, {failed} problems", flush=True)
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
