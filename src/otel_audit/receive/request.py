"""One request: its bytes and what is known of it from its connection, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from otel_audit.convert.exports import Export
from otel_audit.convert.from_otlp import read_protobuf
from otel_audit.convert.otlp_json import load_json, read_document
from otel_audit.convert.spans import ResourceData, Sender
from otel_audit.errors import InputError
from otel_audit.receive.measure import measure_document, measure_json, measure_protobuf
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.unpacking import unpack

__all__ = ["Request", "read"]

_TOP: Final = {
    "traces": ("resourceSpans", "resource_spans"),
    "logs": ("resourceLogs", "resource_logs"),
}

_TRACE_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Request:
    """An export as it arrived.

    Attributes:
        signal: what its endpoint takes.
        format: how it is written.
        encoding: how it is compressed: ``identity``, ``gzip``, ``deflate`` or ``zstd``.
        body: its bytes, compressed.
        sender: whose connection it came by.
        is_audit: whether its log records are those of the audit signal, each of which gets a receipt.
    """

    signal: Literal["traces", "logs"]
    format: Literal["protobuf", "json"]
    encoding: str
    body: bytes
    sender: Sender
    is_audit: bool = False


def read(request: Request, options: ReceiveOptions) -> Export:
    """Reads a request whole.

    Raises:
        TooLarge: it holds more than is taken.
        InputError: some of it cannot be read, so none of it is taken. The reason quotes nothing.
    """
    data = unpack(request.body, request.encoding, options)
    if request.format == "json":
        export = _read_json(data, request.signal, options)
    else:
        measure_protobuf(data, request.signal, options)
        export = read_protobuf(data, signal=request.signal)
    if _is_other_signal(export):
        raise InputError(f"the body holds no {request.signal}")
    for resource in _resources(export):
        resource.sender = request.sender
    return export


def _read_json(data: bytes, signal: Literal["traces", "logs"], options: ReceiveOptions) -> Export:
    measure_json(data, options)
    document = load_json(data)
    if not isinstance(document, dict):
        raise InputError("expected a JSON object")
    tops = _TOP[signal]
    ours: dict[str, Any] = {key: value for key, value in document.items() if key in tops}
    if document and not ours:
        raise InputError(f"expected {tops[0]}")
    measure_document(ours, signal, options)
    problems: list[InputError] = []
    export = read_document(ours, problems)
    if problems:
        raise problems[0]
    return export


def _is_other_signal(export: Export) -> bool:
    """Whether nothing in it is what it is read as: one signal often parses as another, with no field in place."""
    if not export:
        return False
    is_span = any(
        len(span.trace_id) == _TRACE_DIGITS or span.start_unix_nano or (span.name and not span.trace_id)
        for span in export.spans
    )
    return not is_span and not any(
        log.time_unix_nano or log.observed_unix_nano or log.attributes or log.body is not None or log.name
        for log in export.logs
    )


def _resources(export: Export) -> list[ResourceData]:
    found = {id(span.resource): span.resource for span in export.spans}
    found |= {id(log.resource): log.resource for log in export.logs}
    return list(found.values())
