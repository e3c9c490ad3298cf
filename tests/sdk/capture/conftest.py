"""A log beside a tracer provider of its own, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from sdk.written import rows


class Log:
    """Where a test's application is audited.

    Attributes:
        provider: to be given to instrumentations.
        installation: what attached us to it.
    """

    def __init__(self, folder: Path, **arguments: Any) -> None:
        self.places = {"destination": str(folder / "log"), "spool": str(folder / "spool")}
        self.provider = TracerProvider()
        self.installation = otel_audit.install(**self.places, provider=self.provider, **arguments)

    @property
    def tracer(self) -> trace.Tracer:
        return self.provider.get_tracer("tests")

    def records(self, *, close: bool = True) -> list[dict[str, Any]]:
        """All records, in the order in which they were numbered; JSON texts as values."""
        if close:
            self.installation.uninstall()
        else:
            assert self.installation.flush()
        found = sorted(rows(self.places), key=lambda row: row["sequence"])
        for row in found:
            for name in ("request", "response", "attributes"):
                row[name] = None if row[name] is None else json.loads(row[name])
            for name in ("requestHeaders", "responseHeaders"):
                row[name] = dict(row[name] or {})
        return found

    def record(self) -> dict[str, Any]:
        """The only one."""
        (record,) = self.records()
        return record


@pytest.fixture
def open_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Log]]:
    """Opens a log with these settings of ``[capture]``; by default all bodies are captured."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    opened: list[Log] = []

    def open_(capture: dict[str, Any] | None = None, **arguments: Any) -> Log:
        wanted = {"request_body": True, "response_body": True} if capture is None else capture
        log = Log(tmp_path / str(len(opened)), capture=wanted, **arguments)
        opened.append(log)
        return log

    yield open_
    for log in opened:
        log.installation.uninstall()
