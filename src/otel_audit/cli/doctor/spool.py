"""Whether the spool can be written, and whether something waits in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_audit.cli.doctor.finding import Finding

_MIB: Final = 2**20


def findings(root: Path) -> Iterator[Finding]:
    """Looks only; makes nothing.

    Args:
        root: folder of the spool, which need not exist yet.
    """
    existing = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    if existing is None or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("problem", f"the spool {root} cannot be written: records could not be made durable")
        return
    free = shutil.disk_usage(existing).free / _MIB
    yield Finding("ok", f"the spool {root} can be written; {free:,.0f} MiB are free")
    waiting = sum(file.stat().st_size for file in root.glob("*/slot-*/**/*.seg") if file.is_file())
    if waiting:
        yield Finding("note", f"{waiting / _MIB:,.1f} MiB of records wait in it; the next writer ships them")
