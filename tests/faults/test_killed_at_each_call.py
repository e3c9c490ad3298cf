"""A process is killed, or fails, at each call of its file system and its store; see ``killing.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.fake_gcs import FakeGcsServer

TESTS = Path(__file__).parents[1]
PARTS = 6


def run(*arguments: str, **variables: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "faults.killing", *arguments],
        env=environment | variables,
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_each_change_of_the_disk(part: int) -> None:
    run("--kinds", "file-kill", "--part", str(part), "--of", str(PARTS))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["store-kill", "store-kill-after", "store-error", "store-lost-answer"])
@pytest.mark.parametrize("store", ["local", "gcs"])
def test_killed_or_failing_at_each_create(store: str, kind: str, fake_gcs: FakeGcsServer) -> None:
    if store == "local":
        run("--kinds", kind)
    else:
        url = f"gs://{fake_gcs.new_bucket()}/log"
        run("--kinds", kind, "--url", url, STORAGE_EMULATOR_HOST=fake_gcs.endpoint)
