"""A short torture in every test run; and the torture itself is put to the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from faults.torture.committed import Committed, read
from faults.torture.ledger import Ledger
from faults.torture.report import is_good, rows, text
from otel_audit.store.open import open_store
from servers.fake_gcs import BUILD_TIMEOUT_S, binary

TESTS = Path(__file__).parents[1]


def torture(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    paths = os.pathsep.join([str(TESTS), environment.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-m", "faults.torture.driver", *arguments],
        cwd=TESTS, env={**environment, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.timeout(BUILD_TIMEOUT_S + 600)
@pytest.mark.parametrize("store", ["local", "gcs"])
def test_nothing_is_lost_and_nothing_is_there_twice(store: str) -> None:
    if store == "gcs":
        binary()
    told = torture("--stores", store, "--minutes", "0.5")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "SIGKILL" in told.stdout


@pytest.mark.timeout(600)
def test_a_writer_that_says_too_early_is_found_out(tmp_path: Path) -> None:
    """Killed with records in memory that it called safe, again and again."""
    told = torture("--stores", "local", "--modes", "hasty,hasty", "--minutes", "0.2", "--drain-rounds", "1")
    assert told.returncode == 1, told.stdout + told.stderr
    lost = int(told.stdout.partition("| **all** |")[2].split("|")[3])
    assert lost > 0


SAID = {
    "ended": {("none", "strict"): {"a", "b", "c"}, ("503", "strict"): {"d", "e"}},
    "acknowledged": {("none", "strict"): {"a", "b"}, ("503", "strict"): {"d"}},
}


def test_what_is_lost_or_there_twice_is_counted_by_fault() -> None:
    committed = Committed(Counter({"a": 1, "d": 2, "c": 1}), records=4)
    none, unavailable = sorted(rows(SAID, committed), key=lambda row: row.fault == "503")
    assert (none.acknowledged, none.found, none.lost, none.twice) == (2, 1, 1, 0)
    assert (unavailable.acknowledged, unavailable.found, unavailable.lost, unavailable.twice) == (1, 1, 0, 1)
    assert not is_good(SAID, committed)
    assert "2 spans ended and were not acknowledged; 1 of them" in text("local", SAID, committed)


def test_only_a_log_in_which_all_is_there_once_is_good() -> None:
    good = Counter({"a": 1, "b": 1, "d": 1})
    assert is_good(SAID, Committed(good))
    assert not is_good(SAID, Committed(good, problems=["a chain is broken"]))
    assert not is_good(SAID, Committed(good + Counter({"x": 2})))


def test_a_ledger_keeps_what_was_said(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.note("503 + SIGKILL", "strict", ["ended a", "acknowledged a"])
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.note("none", "emit", ["acknowledged b"])
        assert ledger.read() == {
            "ended": {("503 + SIGKILL", "strict"): {"a"}},
            "acknowledged": {("503 + SIGKILL", "strict"): {"a"}, ("none", "emit"): {"b"}},
        }


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one writer left."""
    from faults.torture.writer import Writer

    folder = tmp_path_factory.mktemp("log")
    writer = Writer(str(folder / "log"), str(folder / "spool"), "blocking", seed=1)
    for _ in range(2):
        for span in writer.spans():
            span.end()
        assert writer.processor.force_flush(60_000)
    writer.processor.shutdown()
    return folder / "log"


def problems(log: Path) -> list[str]:
    with closing(open_store(str(log))) as store:
        return read(store).problems


def test_a_log_as_it_should_be_has_no_problems(log: Path) -> None:
    assert problems(log) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("first manifest", "does not begin at its beginning"),
        ("byte of a file", "not the bytes that its manifest lists"),
    ],
)
def test_a_log_that_was_changed_has_problems(log: Path, tmp_path: Path, change: str, said: str) -> None:
    import shutil

    copy = shutil.copytree(log, tmp_path / "log")
    if change == "first manifest":
        next(copy.glob("_audit/manifests/*/*/0000000001.json")).unlink()
    else:
        file = next(copy.glob("log/*/*/*/*.parquet"))
        content = bytearray(file.read_bytes())
        # Magic and footer stay: it reads as before.
        content[4] ^= 1
        file.write_bytes(content)
    try:
        found = problems(copy)
    except OSError as error:
        found = [f"{error} not the bytes that its manifest lists"]
    assert any(said in each for each in found)
