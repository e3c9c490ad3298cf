"""Work that must not happen in the application's process: done by an interpreter of its own.

Such a child shares nothing with the application but the places that modules come from. It runs no
``sitecustomize``, no ``.pth`` file and no instrumentation, its standard input is what it is asked, its standard
output what it answers, and what it says besides is thrown away: errors of others may quote what they were given.
A gevent application is not spoiled by modules that it loads, such as ``ssl``; a stalled one can be ended.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

__all__ = ["command"]

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; from importlib import import_module; "
    "import_module(sys.argv[1]).main()"
)
_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*t?(\.exe)?")


def command(module: str) -> list[str]:
    """The arguments of a process that calls ``main()`` of a module.

    Raises:
        FileNotFoundError: there is no interpreter, as in a program that embeds Python.
    """
    # As they are now: relative ones would mean other places elsewhere.
    places = [os.path.abspath(place) for place in sys.path]
    return [_interpreter(), "-I", "-S", "-c", _BOOT, module, *places]


def _interpreter() -> str:
    if sys.executable and _PYTHON.fullmatch(Path(sys.executable).name):
        return sys.executable
    # A server that embeds Python, such as uWSGI, says its own name.
    for name in (f"python{sys.version_info.major}.{sys.version_info.minor}", "python3"):
        found = Path(sys.prefix) / "bin" / name
        if found.exists():
            return str(found)
    raise FileNotFoundError("no Python interpreter")
