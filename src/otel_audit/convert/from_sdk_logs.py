"""The SDK door for log records: what OpenTelemetry's Logs and Events APIs emit becomes :class:`LogData`.

A record is copied when it is read, since its emitter may change it later: containers anew, texts shared. Limits
of the SDK were applied before it comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from otel_audit.convert.cut_values import cut_under
from otel_audit.convert.exports import read_event_name
from otel_audit.convert.resources import describe
from otel_audit.convert.spans import Attributes, LogData, ResourceData
from otel_audit.convert.values import clean_text, plain

__all__ = ["LogReader"]

_MOST_SCOPES: Final = 256
"""Resources and scopes that are remembered: as many as an application has instrumentations, not more."""


class LogReader:
    """Reads log records; those of one resource and scope share what these say. Threads may share it."""

    def __init__(self) -> None:
        self._resources: dict[tuple[int, int], tuple[object, object, ResourceData]] = {}

    def read(self, record: Any, resource: Any, scope: Any) -> LogData:
        """Reads a log record; never changes it.

        Args:
            record: of the Logs API, as the SDK's processors get it or as an application emits it.
            resource: of the SDK.
            scope: of the instrumentation, with ``name``, ``version`` and ``attributes``.

        Returns:
            What the OTLP door reads of the same record, where OTLP can carry it.
        """
        oddities: list[str] = []
        given = record.attributes or {}
        attributes = _read_attributes(getattr(given, "_dict", given), oddities)
        name = record.event_name
        return LogData(
            name=read_event_name(clean_text(name, oddities) if isinstance(name, str) else "", attributes),
            time_unix_nano=record.timestamp or 0,
            observed_unix_nano=record.observed_timestamp or 0,
            trace_id=_hex(record.trace_id, 16),
            span_id=_hex(record.span_id, 8),
            body=plain(record.body, oddities),
            attributes=attributes,
            resource=self._resource(resource, scope),
            dropped_attributes=getattr(given, "dropped", 0),
            oddities=oddities,
            cut=cut_under((given,)),
        )

    def _resource(self, resource: Any, scope: Any) -> ResourceData:
        key = (id(resource), id(scope))
        known = self._resources.get(key)
        # Both are kept with what they say, so that no other object can take their place in memory.
        if known is not None:
            return known[2]
        oddities: list[str] = []
        described = describe(
            _read_attributes(getattr(resource, "attributes", None) or {}, oddities),
            scope_name=clean_text(str(getattr(scope, "name", "") or ""), oddities),
            scope_version=clean_text(str(getattr(scope, "version", "") or ""), oddities),
            scope_attributes=_read_attributes(getattr(scope, "attributes", None) or {}, oddities),
        )
        if len(self._resources) < _MOST_SCOPES:
            self._resources[key] = (resource, scope, described)
        return described


def _read_attributes(attributes: Mapping[str, Any], oddities: list[str]) -> Attributes:
    read: Attributes = plain(dict(attributes), oddities, -1)  # type: ignore[assignment]  # a dict gives a dict
    return read


def _hex(number: Any, size: int) -> str:
    try:
        return number.to_bytes(size, "big").hex() if number else ""
    except (AttributeError, OverflowError, TypeError):
        return ""
