"""A record on its way: what it says can be added to, and nothing of it taken back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from opentelemetry import trace

from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData, ResourceData, Value
from otel_audit.convert.values import plain
from otel_audit.errors import InputError

__all__ = ["AuditRecord"]


class AuditRecord:
    """A record of the audit signal.

    Args:
        event_name: stable, dotted.
        attributes: at least ``audit.actor.id``, ``audit.actor.type``, ``audit.action`` and ``audit.outcome``;
            ``audit.record.id`` is a new UUID where it is missing.
        timestamp: when it happened, nanoseconds since the epoch.
        observed_timestamp: when it was seen, likewise; by default when it is emitted.
        body: whatever else there is to say; masked like everything.
    """

    __slots__ = ("_log", "_resource")

    def __init__(
        self,
        event_name: str,
        attributes: Mapping[str, object],
        *,
        timestamp: int,
        observed_timestamp: int = 0,
        body: object = None,
    ) -> None:
        oddities: list[str] = []
        context = trace.get_current_span().get_span_context()
        self._resource: dict[str, Value] = {}
        self._log = LogData(
            name=event_name,
            time_unix_nano=timestamp,
            observed_unix_nano=observed_timestamp,
            trace_id=f"{context.trace_id:032x}" if context.is_valid else "",
            span_id=f"{context.span_id:016x}" if context.is_valid else "",
            body=plain(body, oddities),
            attributes={name: plain(value, oddities) for name, value in attributes.items()},
            resource=ResourceData(),
            oddities=oddities,
        )

    @classmethod
    def of(cls, log: LogData) -> AuditRecord:
        """A record that says what a log event says; the two share nothing that is changed."""
        record = cls.__new__(cls)
        record._resource = {}
        record._log = LogData(
            name=log.name,
            time_unix_nano=log.time_unix_nano,
            observed_unix_nano=log.observed_unix_nano,
            trace_id=log.trace_id,
            span_id=log.span_id,
            body=log.body,
            attributes=dict(log.attributes),
            resource=log.resource,
        )
        return record

    @property
    def record_id(self) -> str:
        """Its id; empty before it is emitted, where none was given."""
        return str(self._log.attributes.get(RECORD_ID) or "")

    @property
    def event_name(self) -> str:
        return self._log.name

    @property
    def timestamp(self) -> int:
        return self._log.time_unix_nano

    @property
    def observed_timestamp(self) -> int:
        return self._log.observed_unix_nano

    @property
    def body(self) -> Value:
        return self._log.body

    @property
    def attributes(self) -> Mapping[str, Value]:
        """What it says, to be read; :meth:`add` adds to it."""
        return MappingProxyType(self._log.attributes)

    def add(self, name: str, value: object) -> None:
        """Add an attribute.

        Raises:
            InputError: there is one of that name; nothing that was said is changed.
        """
        if name in self._log.attributes:
            raise InputError(f"the record has an attribute {name}: processors may only add")
        self._log.attributes[name] = plain(value, [])

    def add_to_resource(self, name: str, value: str) -> None:
        """Add an attribute to the resource that this record is sent with, such as how it is proven.

        Raises:
            InputError: there is one of that name.
        """
        if name in self._resource or name in self._log.resource.attributes:
            raise InputError(f"the resource has an attribute {name}: processors may only add")
        self._resource[name] = value

    def observe(self, unix_nano: int) -> None:
        """It was seen, unless it was before: the same record that is emitted again says the same."""
        self._log.observed_unix_nano = self._log.observed_unix_nano or unix_nano

    def log(self) -> LogData:
        """What is sent: the record with its resource."""
        if self._resource:
            self._log.resource = ResourceData({**self._log.resource.attributes, **self._resource})
            self._resource = {}
        return self._log

    def __repr__(self) -> str:
        return f"AuditRecord({self.event_name!r}, {self.record_id!r})"
