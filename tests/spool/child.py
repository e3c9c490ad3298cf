"""A process of its own that spools records until somebody kills it.

``python child.py ROOT``: takes a slot, then for each line on standard input appends and syncs a batch and
answers with its last sequence. ``hold`` only takes the slot.
"""

from __future__ import annotations

import sys
from pathlib import Path

from otel_audit.spool import Slot
from spool.masked import masked


def main() -> None:
    slot = Slot.acquire(Path(sys.argv[1]), "shop")
    print(slot.path.name, flush=True)
    writer = slot.writer("platform", destinations=["near"], opens={})
    for number, line in enumerate(sys.stdin):
        words = line.split()
        numbered = writer.append(masked(words, tag=f"child{number}"))
        writer.sync()
        print(numbered.last, flush=True)


main()
