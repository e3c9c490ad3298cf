"""A process that holds a slot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


class Child:
    """``child.py``, started."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "spool" / "child.py"), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        self.slot = self._answer()

    def append(self, *texts: str) -> int:
        """Spool records; returns the last sequence, once they are durable."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(texts) + "\n")
        self.process.stdin.flush()
        return int(self._answer())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        assert answer, "the child is gone"
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start_child() -> Iterator[Callable[[Path], Child]]:
    children: list[Child] = []

    def start(root: Path) -> Child:
        children.append(Child(root))
        return children[-1]

    yield start
    for child in children:
        child.close()
