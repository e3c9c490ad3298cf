"""What the calling thread may be made to do."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType

import pytest

from otel_audit.sdk.caller import runs_event_loop


def test_a_running_loop_is_seen() -> None:
    async def within() -> bool:
        return runs_event_loop()

    assert asyncio.run(within())
    assert not runs_event_loop()


@pytest.mark.parametrize("module", [None, ModuleType("asyncio")], ids=["not imported", "half imported"])
def test_without_asyncio_no_loop_runs(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    """Half imported: another thread is at it. An error here would cost a span."""
    if module is None:
        monkeypatch.delitem(sys.modules, "asyncio")
    else:
        monkeypatch.setitem(sys.modules, "asyncio", module)
    assert not runs_event_loop()
