"""A provider that is audited into a folder, and the records of its spans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_audit
from sdk.written import rows

SERVER = {
    "http.request.method": "POST",
    "url.path": "/orders",
    "url.scheme": "https",
    "http.response.status_code": 200,
}
CLIENT = {
    "http.request.method": "GET",
    "url.full": "https://stock.example/items",
    "http.response.status_code": 200,
}
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}


class Audited:
    """What is attached, and what is written once :meth:`records` has been asked."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.provider = settings.pop("provider", None) or TracerProvider(shutdown_on_exit=False)
        self.tracer = self.provider.get_tracer("tests")
        self._places = {"destination": str(folder / "log"), "spool": str(folder / "spool")}
        self.installation = otel_audit.install(provider=self.provider, **self._places, **settings)

    def server(self, **attributes: Any) -> Any:
        return self.tracer.start_as_current_span(
            "POST /orders", kind=SpanKind.SERVER, attributes={**SERVER, **attributes}
        )

    def client(self, name: str = "GET", **attributes: Any) -> None:
        with self.tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes={**CLIENT, **attributes}
        ):
            pass

    def chat(self, **attributes: Any) -> None:
        with self.tracer.start_as_current_span(
            "chat", kind=SpanKind.CLIENT, attributes={**CHAT, **attributes}
        ):
            pass

    def records(self) -> list[dict[str, Any]]:
        """The records of spans, in order of time; the log's own are left out."""
        assert self.installation.flush(60)
        found = [row for row in rows(self._places) if not row["eventName"].startswith("audit.")]
        return sorted(found, key=lambda row: (row["timeUnixNano"], row["sequence"]))


@contextmanager
def audited(folder: Path, **settings: Any) -> Iterator[Audited]:
    log = Audited(folder, **settings)
    try:
        yield log
    finally:
        log.installation.uninstall()


def who(record: dict[str, Any]) -> tuple[str | None, str]:
    """Id and assurance of a record's user."""
    return record["user"]["id"], record["user"]["assurance"]


def known(struct: dict[str, Any] | None) -> dict[str, Any]:
    """The members of a struct that say something."""
    return {key: value for key, value in (struct or {}).items() if value is not None}
