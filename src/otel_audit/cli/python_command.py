"""Whether a command is Python's, and whether it would look at its environment: judged by its name, its first line
and its options. https://docs.python.org/3/using/cmdline.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["ignores_environment", "is_python"]

_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*t?(\.exe)?$")

_IGNORING: Final = frozenset("EIS")
"""Options without PYTHONPATH (-E, -I) or ``sitecustomize`` (-S)."""
_WITH_PROGRAM: Final = frozenset("cm")
_WITH_VALUE: Final = frozenset("WX")

_LONGEST_LINE: Final = 512


def is_python(path: str) -> bool:
    """Whether this is an interpreter or a script of one."""
    return _is_interpreter(path) or bool(_script(path))


def ignores_environment(path: str, arguments: Iterable[str]) -> bool:
    """Whether Python is told not to look at ``PYTHONPATH`` or not to load ``sitecustomize``.

    Args:
        path: of an interpreter, or of a script that names one in its first line.
        arguments: that it is started with.
    """
    if _is_interpreter(path):
        return _is_ignoring(arguments)
    return _is_ignoring(_script(path)[1:])


def _is_interpreter(path: str) -> bool:
    return _PYTHON.match(Path(path).name) is not None


def _script(path: str) -> list[str]:
    """The interpreter of a Python script and its options; empty if it is none."""
    try:
        with Path(path).open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError:
        return []
    if not line.startswith(b"#!"):
        return []
    words = line[2:].decode(errors="replace").split()
    for place, word in enumerate(words):
        if _is_interpreter(word):
            return words[place:]
    return []


def _is_ignoring(arguments: Iterable[str]) -> bool:
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-") or argument == "-":
            return False
        if argument.startswith("--"):
            continue
        for place, letter in enumerate(argument[1:], start=2):
            if letter in _IGNORING:
                return True
            if letter in _WITH_PROGRAM:
                return False
            if letter in _WITH_VALUE:
                if place == len(argument):
                    next(rest, None)
                break
    return False
