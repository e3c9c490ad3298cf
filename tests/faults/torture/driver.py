"""Starts writers, breaks what they stand on, and judges what they leave. Run as ``python -m faults.torture.driver``.

For every store in turn: some applications, one of each delivery mode, share one spool and one destination. The
driver lasts for its time in slices of a second or two; each slice has a fault (``breaking.py``), a kill or an
orderly end of a writer, both, or neither. What writers say is kept under the slice's name.
Then faults end, the writers are told to stop, and as many others drain the spool.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from faults.torture.breaking import NONE, Breaker
from faults.torture.committed import Committed, read
from faults.torture.ledger import Ledger
from faults.torture.report import is_good, rows, text
from otel_audit.store.open import open_store
from servers.fake_azure import FakeAzureServer, connection_string
from servers.fake_gcs import FakeGcsServer
from servers.fake_s3 import FakeS3Server
from servers.fault_proxy import FaultProxy, fault_proxy

TESTS: Final = Path(__file__).parents[2]

MODES: Final = "blocking,strict,emit"
"""One writer of each."""

DRAIN_S: Final = 150.0


class Application:
    """A writer's process, and a thread that keeps what it says."""

    def __init__(self, arguments: list[str], mode: str, ledger: Ledger, torture: Torture) -> None:
        self.mode, self._ledger, self._torture = mode, ledger, torture
        self.has_begun, self.has_drained = threading.Event(), threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faults.torture.writer", "--mode", mode, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=TESTS,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        while block := os.read(self.process.stdout.fileno(), 2**16):
            # A line that a kill cut short was not said.
            *lines, rest = (rest + block).split(b"\n")
            said = [line.decode() for line in lines]
            if any(line == "drained True" for line in said):
                self.has_drained.set()
            self._ledger.note(
                self._torture.label, self.mode, [line for line in said if line[:2] in ("en", "ac")]
            )
            self.has_begun.set()

    def end(self, how: signal.Signals | None) -> None:
        """By a signal, or by being told; waits for it, and for the last of what it said."""
        if how is not None:
            self.process.send_signal(how)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()


class Torture:
    """One store's turn.

    Args:
        destination: its URL.
        folder: for spool and ledger.
        proxy: between writers and store; None for a store without one.
        modes: of the writers.
        chance: what decides.
    """

    def __init__(
        self,
        destination: str,
        folder: Path,
        proxy: FaultProxy | None,
        modes: list[str],
        chance: random.Random,
    ) -> None:
        self.label, self._modes = NONE, modes
        self._destination, self._folder, self._chance = destination, folder, chance
        self._breaker = Breaker(destination, proxy, folder, chance)
        self._pause = threading.Event()

    def run(self, seconds: float, ledger: Ledger) -> None:
        """Load, kills and faults for so long, with one kill at least; then everything is drained."""
        writers = [self._start(mode, ledger) for mode in self._modes]
        for writer in writers:
            writer.has_begun.wait(60)
        until, has_killed = monotonic() + seconds, False
        while monotonic() < until or not has_killed:
            fault = self._breaker.choose()
            end = self._chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, None, None])
            self.label = fault if end is None else f"{fault} + {end.name}"
            with self._breaker.broken(fault):
                self._pause.wait(self._breaker.lasts_s(fault) + self._chance.uniform(0.3, 1.5))
                if end is not None:
                    place = self._chance.randrange(len(writers))
                    writers[place].end(end)
                    writers[place] = self._start(writers[place].mode, ledger)
                    has_killed = has_killed or end is signal.SIGKILL
                self._pause.wait(self._chance.uniform(0.0, 1.0))
        self.label = NONE
        for writer in writers:
            writer.end(None)

    def drain(self, ledger: Ledger) -> bool:
        """Hold as many slots as there were writers until all they hold is committed."""
        self.label = "drain"
        writers = [self._start(mode, ledger, "--drain") for mode in self._modes]
        # One after the other they may wait for a back-off; together they hold every slot.
        drained = [writer.has_drained.wait(DRAIN_S) for writer in writers]
        for writer in writers:
            writer.end(None)
        return all(drained)

    def _start(self, mode: str, ledger: Ledger, *more: str) -> Application:
        seed = str(self._chance.getrandbits(32))
        arguments = [
            "--destination",
            self._destination,
            "--spool",
            str(self._folder / "spool"),
            "--surroundings",
            str(self._folder),
            "--seed",
            seed,
        ]
        return Application([*arguments, *more], mode, ledger, self)


@contextmanager
def destination(store: str, folder: Path) -> Iterator[tuple[str, FaultProxy | None]]:
    """An empty destination, its server running, the environment leading to it through a proxy."""
    if store == "local":
        yield str(folder / "log"), None
        return
    server = {"gcs": FakeGcsServer, "s3": FakeS3Server, "azure": FakeAzureServer}[store].start()
    with ExitStack() as stack:
        stack.callback(server.stop)
        proxy = stack.enter_context(fault_proxy(server.port))
        match server:
            case FakeGcsServer():
                os.environ["STORAGE_EMULATOR_HOST"] = proxy.endpoint
                yield f"gs://{server.new_bucket()}/log", proxy
            case FakeS3Server():
                os.environ.update({**server.environment, "AWS_ENDPOINT_URL": proxy.endpoint})
                yield f"s3://{server.new_bucket()}/log", proxy
            case FakeAzureServer():
                os.environ["AZURE_STORAGE_CONNECTION_STRING"] = connection_string(proxy.port)
                yield f"abfs://{server.new_container()}/log", proxy


def torture(
    store: str, modes: list[str], seconds: float, seed: int, drain_rounds: int, keep: Path | None
) -> bool:
    """One store, for so long. Prints its report; returns whether it is good.

    Args:
        store: which.
        modes: of the writers, one each.
        seconds: of load; draining comes after it.
        seed: of what is decided.
        drain_rounds: how often draining is tried while something is missing.
        keep: where spool, ledger and a local log stay to be looked at; None for nowhere.
    """
    with tempfile.TemporaryDirectory(prefix="otel-audit-torture-") as name:
        folder = Path(name) if keep is None else keep / store
        folder.mkdir(parents=True, exist_ok=True)
        with destination(store, folder) as (url, proxy), Ledger(folder / "ledger") as ledger:
            turn = Torture(url, folder, proxy, modes, random.Random(seed))
            turn.run(seconds, ledger)
            committed = Committed()
            for _ in range(drain_rounds):
                is_drained = turn.drain(ledger)
                with closing(open_store(url)) as log:
                    committed = read(log)
                if is_drained and not any(row.lost for row in rows(ledger.read(), committed)):
                    break
            said = ledger.read()
    print(text(store, said, committed), flush=True)
    if not is_drained:
        print(f"PROBLEM the spool is not empty after {drain_rounds} rounds of {DRAIN_S:g} s")
    return is_drained and is_good(said, committed)


def main() -> int:
    """0 if nothing was lost and nothing is there twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--stores", default="local,gcs", help="of local, gcs, s3, azure; each gets its share")
    parser.add_argument("--modes", default=MODES, help="of the writers, one each; see writer.py")
    parser.add_argument("--drain-rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for spools and ledgers, to look at afterwards")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    stores, modes = arguments.stores.split(","), arguments.modes.split(",")
    seconds = arguments.minutes * 60 / len(stores)
    print(f"seed {arguments.seed}; {seconds:.0f} s of load for each store; {len(modes)} writers", flush=True)
    results = [
        torture(store, modes, seconds, arguments.seed, arguments.drain_rounds, arguments.keep)
        for store in stores
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
