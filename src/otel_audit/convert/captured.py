"""What was captured beside a span goes where the span's own attributes would have gone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Final, cast

from otel_audit.convert import notes
from otel_audit.convert.columns import Row
from otel_audit.convert.endpoints import RouteTable
from otel_audit.convert.media import MediaType, read_text
from otel_audit.convert.options import CaptureOptions, CaptureRule
from otel_audit.convert.sorter import Headers
from otel_audit.convert.span_notes import Body, SpanNotes
from otel_audit.record.ids import hashed_id

__all__ = ["CONTENT_EVENT", "CapturedBodies", "CapturedHeaders", "continue_record", "forget_content"]

CONTENT_EVENT: Final = "audit.content"
"""``eventName`` of a record with the bodies that were open when the record of their span was written."""

WITHHELD: Final = {
    "memory": notes.BODY_BEYOND_MEMORY,
    "encoding": notes.BODY_UNDECODABLE,
    "unreadable": notes.BODY_UNDECODABLE,
    "file": notes.BODY_SENT_AS_FILE,
}
"""Why a recorder kept nothing → what the record says of it."""

_BODIES: Final = ("request", "response")

_CONTENT: Final = ("request", "response", "requestBase64", "responseBase64")

_NOT_CONTINUED: Final = (
    "events", "links", "joined", "droppedAttributes", "droppedEvents", "droppedLinks",
)  # fmt: skip
"""What the record of the span has said already."""


class CapturedHeaders:
    """Writes captured headers into records, as far as the settings want them there.

    Args:
        options: which they are; wrappers keep what any log of the process wants.
    """

    def __init__(self, options: CaptureOptions) -> None:
        self._request = _names(options.request_headers)
        self._response = _names(options.response_headers)

    def take_up(self, row: Row, span_notes: SpanNotes) -> None:
        """Add captured headers to those that the span carries; where both have one, the span's own stays."""
        for leaf, captured, names in (
            ("requestHeaders", span_notes.request_headers, self._request),
            ("responseHeaders", span_notes.response_headers, self._response),
        ):
            if captured:
                chosen = {name: values for name, values in captured.items() if names.fullmatch(name)}
                if chosen:
                    row[leaf] = _merged(row.get(leaf), chosen)


class CapturedBodies:
    """Writes captured bodies into records, where the settings want them there.

    Args:
        options: for which routes and models they do.
    """

    def __init__(self, options: CaptureOptions) -> None:
        self._options = options
        self._rules = [(rule, *_patterns(rule)) for rule in options.rules]

    @property
    def differ(self) -> bool:
        """Whether it depends on route or model which bodies are wanted."""
        return bool(self._rules)

    def take_up(self, row: Row, span_notes: SpanNotes, oddities: list[str]) -> bool:
        """Fill ``request`` and ``response`` from what was captured; what the span itself says of them stays.

        Args:
            row: of the span, with route and model.
            span_notes: what was captured.
            oddities: takes notes of what was left out.

        Returns:
            Whether there was any.
        """
        if span_notes.request is None and span_notes.response is None:
            return False
        found = False
        wanted = self._wanted(row)
        for leaf in _BODIES:
            source = span_notes.request if leaf == "request" else span_notes.response
            if source is None or not wanted[leaf]:
                continue
            body, found = source.read(), True
            if body.withheld:
                oddities.append(WITHHELD.get(body.withheld, notes.BODY_UNDECODABLE))
                continue
            if body.is_open:
                row["capture.state"] = "open"
            else:
                row.setdefault("capture.state", "complete")
            if leaf not in row and f"{leaf}Base64" not in row:
                self._write(row, leaf, body, oddities)
        return found

    def _write(self, row: Row, leaf: str, body: Body, oddities: list[str]) -> None:
        content, cut_at = body.content, body.cut_at
        if len(content) > self._options.max_body_bytes:
            content = content[: self._options.max_body_bytes]
            cut_at = len(content)
        if body.is_open and cut_at is None:
            cut_at = len(content)
        if cut_at is not None:
            row[f"capture.{leaf}TruncatedAt"] = cut_at
        if not content:
            return
        media = MediaType(body.media_type)
        text = read_text(content, media, is_cut=cut_at is not None, oddities=oddities)
        if text is not None:
            row[leaf] = text
            return
        row[f"{leaf}Base64"] = base64.b64encode(content).decode()
        if cut_at is None:
            row.setdefault(f"{leaf}Bytes", len(content))
        if body.media_type:
            # The body itself is withheld as a rule; what it was is said by its header.
            row[f"{leaf}Headers"] = _merged(
                row.get(f"{leaf}Headers"), {"content-type": [body.media_type[:256]]}
            )

    def _wanted(self, row: Row) -> dict[str, bool]:
        options = self._options
        for rule, routes, model in self._rules:
            if routes and not routes.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            ):
                continue
            if model and not model.fullmatch(str(row.get("modelInfo.modelName") or "")):
                continue
            return {
                "request": options.request_body if rule.request_body is None else rule.request_body,
                "response": options.response_body if rule.response_body is None else rule.response_body,
            }
        return {"request": options.request_body, "response": options.response_body}


def forget_content(row: Row) -> None:
    """Take out of a row what the record that it continues has said: only bodies follow."""
    for leaf in _CONTENT:
        row.pop(leaf, None)


def continue_record(row: Row) -> None:
    """Make of a span's row, complete but for its attributes, the one that follows it with its bodies."""
    first_id = str(row["recordId"])
    row["eventName"] = CONTENT_EVENT
    row["recordId"] = hashed_id(("content", first_id))
    row["capture.continues"] = first_id
    for leaf in _NOT_CONTINUED:
        row.pop(leaf, None)


def _names(globs: Sequence[str] | None) -> re.Pattern[str]:
    if globs is None:
        return re.compile(".*", re.DOTALL)
    return re.compile("|".join(translate(glob.lower().replace("_", "-")) for glob in globs) or "(?!)")


def _patterns(rule: CaptureRule) -> tuple[RouteTable[bool], re.Pattern[str] | None]:
    model = None
    if rule.model is not None:
        parts = (re.escape(part) for part in rule.model.split("*"))
        model = re.compile(".*".join(parts), re.DOTALL | re.IGNORECASE)
    return RouteTable([(rule.route, True)] if rule.route is not None else []), model


def _merged(
    own: object, captured: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[list[str], ...]]:
    headers = {name: list(values) for name, values in captured.items()}
    if own is not None:
        headers.update(zip(*cast(Headers, own), strict=True))
    ordered = tuple(sorted(headers))
    return ordered, tuple(headers[name] for name in ordered)
