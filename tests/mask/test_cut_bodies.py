"""A body cut anywhere gives away nothing of what stood where it was cut."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from otel_audit.convert.converter import Converter
from otel_audit.convert.options import CaptureOptions, ConvertOptions
from otel_audit.convert.span_notes import Body, Scope, SpanNotes
from otel_audit.convert.spans import ResourceData, SpanData
from otel_audit.mask.cut_tail import without_tail
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

START = 1_795_285_056_394_044_809

PLANTED = {
    "mail": "jane.roe@example.com",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+49 30 901820 11",
    "secret": "sk-proj-Zx81kQ0pWm37Lr5TtY2bNc94",
}
"""Each is found whole; the tests below cut through each of them, at each character."""

GIVEN_AWAY = (
    re.compile(r"jane\.?r|roe@|@exam"),
    re.compile(r"4111[ \"\],]*1"),
    re.compile(r"DE89|3704"),
    re.compile(r"\+49|901820"),
    re.compile(r"Zx81|kQ0p"),
)

FILLER = "Nothing to see here, and a little more of it. " * 8
"""Longer than what is taken off the end: only what stands at the cut is."""


def _text() -> str:
    return "".join(f"{FILLER}{value} " for value in PLANTED.values()) + FILLER


BODIES = {
    "text/plain": _text(),
    "application/json": json.dumps(
        {
            "note": FILLER,
            **{name: f"{FILLER}{value}" for name, value in PLANTED.items()},
            "list": ["4111", "1111", "1111", "1111", FILLER],
            "number": 4111111111111111,
            "nested": {"text": json.dumps(PLANTED)},
            "end": FILLER,
        }
    ),
    "application/x-www-form-urlencoded": "&".join(
        f"{name}={quote(FILLER + value)}&note=x" for name, value in PLANTED.items()
    ),
    "multipart/form-data; boundary=b": "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{FILLER}{value}\r\n'
        for name, value in PLANTED.items()
    )
    + "--b--\r\n",
}


def _offsets(body: bytes) -> list[int]:
    """Each within a planted value and beside it, and some of the others."""
    dense: set[int] = set()
    for value in PLANTED.values():
        for written in (value, quote(value)):
            for found in re.finditer(re.escape(written.encode()), body):
                dense.update(range(found.start() - 3, found.end() + 8))
    return sorted(dense.union(range(1, len(body), 17)))


def _masked(contents: list[bytes], media_type: str, *, whole: bool) -> list[dict]:
    spans = [
        SpanData(
            name="POST", kind="server", trace_id=f"{index + 1:032x}", span_id=f"{index + 1:016x}",
            parent_span_id="", sampled=True, start_unix_nano=START, end_unix_nano=START + 1,
            attributes={"http.request.method": "POST", "http.route": "/x"}, resource=ResourceData(),
            notes=SpanNotes(
                Scope(index + 1), request=Body(content, media_type, cut_at=None if whole else len(content))
            ),
        )
        for index, content in enumerate(contents)
    ]  # fmt: skip
    options = ConvertOptions(capture=CaptureOptions(request_body=True))
    batch = Converter(options).convert(spans, observed_unix_nano=START + 2)
    return Masker(MaskPolicy()).mask(batch).records.to_pylist()


@pytest.mark.parametrize("media_type", BODIES)
def test_the_whole_body_is_masked(media_type):
    (record,) = _masked([BODIES[media_type].encode()], media_type, whole=True)
    assert not [found for pattern in GIVEN_AWAY if (found := pattern.search(record["request"]))]
    assert FILLER.strip() in record["request"]


@pytest.mark.parametrize("media_type", BODIES)
def test_a_body_cut_at_any_offset_gives_nothing_away(media_type):
    body = BODIES[media_type].encode()
    offsets = _offsets(body)
    records = _masked([body[:at] for at in offsets], media_type, whole=False)
    given_away = {
        (at, found[0])
        for at, record in zip(offsets, records, strict=True)
        for pattern in GIVEN_AWAY
        if record["request"] and (found := pattern.search(record["request"]))
    }
    assert not given_away
    kept = max(len(record["request"] or "") for record in records)
    assert kept > 100, "what is far from the cut is kept"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"' + "a" * 300 + '"', "a" * 44),
        ('"short"', ""),
        ('{"a":"x","b":"' + "y" * 300 + '"}', {"a": "x", "b": "y" * 44}),
        ('{"a":"' + "x" * 300 + '","b":"' + "y" * 100 + '"}', {"a": "x" * 145, "b": ""}),
        ('["' + "x" * 300 + '",4111,null,true]', ["x" * 48, "[WITHHELD]", None, True]),
        ('{"n":12345678901234567890123,"z":"z"}', {"n": "[WITHHELD]", "z": ""}),
        ("{}", {}),
    ],
)
def test_the_tail_is_counted_over_leaves_from_the_last_one(text, expected):
    assert json.loads(without_tail(text)) == expected
