"""The sign of a process that records and has nothing durable yet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from otel_audit.sdk.presence import FOLDER, Presence

KILLED = """
import os, sys
from pathlib import Path
from otel_audit.sdk.presence import Presence
Presence(Path(sys.argv[1])).show()
os.kill(os.getpid(), 9)
"""


def signs(spool: Path) -> int:
    return len(list((spool / FOLDER).iterdir()))


def test_whoever_lives_is_not_told_of(tmp_path):
    mine, other = Presence(tmp_path), Presence(tmp_path)
    mine.show()
    assert signs(tmp_path) == 1
    assert other.left_by_the_dead() == []
    mine.take_down()
    assert signs(tmp_path) == 0


def test_whoever_was_killed_is_told_of_once(tmp_path):
    before = time.time_ns()
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    mine = Presence(tmp_path)
    mine.show()
    ((began, ended),) = mine.left_by_the_dead()
    assert before - 10**9 <= began <= ended <= time.time_ns()
    assert mine.left_by_the_dead() == []
    assert signs(tmp_path) == 1, "its own is still there"


def test_a_forked_child_does_not_hold_its_parents_sign(tmp_path):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        parent = Presence(tmp_path)
        parent.show()
        child = os.fork()
        if child == 0:
            os.read(reader, 1)
            os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert len(Presence(tmp_path).left_by_the_dead()) == 1, "though a child of it lives on"
    os.write(writer, b"x")


def test_a_folder_that_cannot_be_made_costs_nothing_else(tmp_path):
    (tmp_path / "file").touch()
    presence = Presence(tmp_path / "file")
    presence.show()
    assert presence.left_by_the_dead() == []
    presence.take_down()
