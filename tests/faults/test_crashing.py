"""Whatever step a process ends at, the next one brings everything durable to its destination, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.fake_gcs import FakeGcsServer

TESTS = Path(__file__).parents[1]

PARTS = 4
"""The steps of the spool's files are cut into so many, for parallel runs."""


def tried(destination: str, folder: Path, layer: str, how: str, point: str, part: str = "0/1") -> int:
    """How many steps went well; fails with what went wrong after one that did not."""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    folder.mkdir()
    told = subprocess.run(
        [
            sys.executable, "-m", "faults.crashing", "--destination", destination, "--folder", str(folder),
            "--layer", layer, "--how", how, "--point", point, "--part", part,
        ],
        cwd=TESTS, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


@pytest.mark.timeout(900)  # dozens of processes one after the other, on a machine that may be busy
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("how", ["kill", "error"])
def test_at_every_step_of_the_spool(tmp_path: Path, how: str, part: int) -> None:
    count = tried(str(tmp_path / "log"), tmp_path / "lives", "files", how, "before", f"{part}/{PARTS}")
    assert count > 30


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("how", ["kill", "error"])
@pytest.mark.parametrize("store", ["local", "gcs"])
def test_at_every_object(
    tmp_path: Path, fake_gcs: FakeGcsServer, monkeypatch: pytest.MonkeyPatch, store: str, how: str, point: str
) -> None:
    """Killed before it is created, or when it is and nobody knows; an error likewise: a lost answer."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    destination = str(tmp_path / "log") if store == "local" else f"gs://{fake_gcs.new_bucket()}/log"
    assert tried(destination, tmp_path / "lives", "store", how, point) > 8
