"""Fuzzing what reads requests, and what makes records of what was read: ``make fuzz MINUTES=60``.

Requests are changed at random: bytes, tokens of JSON, fields of messages. Each is either refused with a reason, or
read, converted, masked and hashed; anything else is a finding, and so is one that takes longer than it may. What
ends in a way that no input before did (another reason, other notes) is kept in ``tests/corpus/fuzz``, and so are
findings: the test suite reads all of them again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import Sender
from otel_audit.errors import InputError
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request, read

CORPUS = Path(__file__).parents[1] / "corpus"
FOUND = CORPUS / "fuzz"

NOW = 1_795_284_000_000_000_000
MAX_KEPT_BYTES = 4_096
MAX_S = 5.0
"""For one small request, on a machine that does other things as well."""

KINDS = ("protobuf.traces", "protobuf.logs", "json.traces", "json.logs")
TOKENS = (
    "null", "true", "-1", "0", "1e999", "NaN", "18446744073709551616", "-9223372036854775808", "0.1", "[]", "{}",
    '""', '"\\ud800"', '"\\u0000"', '"x"', '"-1"', '"AAAA"', '"9223372036854775808"', "[" * 60 + "]" * 60,
)  # fmt: skip
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|\[\]|\{\}')
NUMBERS = (0, 1, 7, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
TEXTS = (
    "",
    "x",
    "\0",
    "\x1b[2J",
    "jane.doe@example.com",
    "é" * 300,
    "{",
    '{"a":[1,{"b":"4111 1111 1111 1111"}]}',
    "%41%zz",
)


@cache
def stages() -> tuple[Converter, Masker]:
    return Converter(ConvertOptions()), Masker(MaskPolicy())


def outcome(kind: str, body: bytes) -> set[str]:
    """How a request ends: the reason of its refusal, or each thing that its records note.

    Raises:
        Exception: a finding.
    """
    form, signal = kind.split(".")
    request = Request(signal, form, "identity", body, Sender("none", "192.0.2.7"))  # type: ignore[arg-type]
    try:
        export = read(request, ReceiveOptions())
    except InputError as error:
        return {f"{kind} refused: {re.sub('[0-9]+', 'n', str(error))}"}
    converter, masker = stages()
    batch = converter.convert(export.spans, export.logs, observed_unix_nano=NOW)
    if not len(batch):
        return {f"{kind} makes no record"}
    masked = masker.mask(batch)
    noted = {"nothing"}
    attributes: Any = masked.records.column("attributes").to_pylist()
    for text in attributes:
        noted |= set(json.loads(text).get("audit.notes", []) if text else [])
    return {f"{kind} notes {note}" for note in noted}


def spans_seed() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    leaf = group.scope_spans.add()
    leaf.scope.name = "scope"
    for name, attributes in (
        ("GET", {"http.request.method": "GET", "url.path": "/carts/7", "http.route": "/carts/{id}"}),
        (
            "chat",
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": "[]"},
        ),
    ):
        span = leaf.spans.add(name=name, kind=2, trace_id=b"t" * 16, span_id=b"s" * 8)
        span.start_time_unix_nano, span.end_time_unix_nano = NOW, NOW + 5
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        listed = span.attributes.add(key="http.request.header.x-a").value.array_value
        listed.values.add().string_value = "b"
        span.attributes.add(key="app.map").value.kvlist_value.values.add(key="k").value.double_value = 0.5
        span.attributes.add(key="app.bytes").value.bytes_value = b"\xff"
        event = span.events.add(name="exception", time_unix_nano=NOW)
        event.attributes.add(key="exception.message").value.string_value = "no"
        span.links.add(trace_id=b"u" * 16, span_id=b"v" * 8)
        span.status.code = 2
    return request


def logs_seed() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    leaf = request.resource_logs.add().scope_logs.add()
    record = leaf.log_records.add(
        event_name="gen_ai.choice", time_unix_nano=NOW, trace_id=b"t" * 16, span_id=b"s" * 8
    )
    record.body.kvlist_value.values.add(key="message").value.string_value = "hello"
    other = leaf.log_records.add(observed_time_unix_nano=NOW)
    other.attributes.add(key="audit.action").value.string_value = "READ"
    return request


def seeds() -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for signal, message in (("traces", spans_seed()), ("logs", logs_seed())):
        found[f"protobuf.{signal}"].append(message.SerializeToString())
        found[f"json.{signal}"].append(json.dumps(MessageToDict(message)).encode())
    for file in FOUND.iterdir() if FOUND.exists() else ():
        found[kind_of(file)].append(file.read_bytes())
    return found


def kind_of(file: Path) -> str:
    """``<digest>.protobuf.traces`` and the like."""
    return file.name.partition(".")[2]


def changed(body: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Some bytes of it otherwise."""
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randint(0, len(body)), chance.choice((0, 1, 1, 2, 8, 40))
        other = chance.choice(others)
        start = chance.randint(0, len(other))
        put = chance.choice(
            (b"", chance.randbytes(chance.randint(1, 8)), other[start : start + 40], b"\xff" * 9)
        )
        body = body[:at] + put + body[at + size :]
    return body


def changed_tokens(body: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Some tokens of JSON otherwise."""
    text = body.decode("utf-8", "replace")
    for _ in range(chance.randint(1, 3)):
        places = list(TOKEN.finditer(text))
        if not places:
            return changed(body, chance, others)
        place = chance.choice(places)
        put = chance.choice((*TOKENS, chance.choice(places)[0]))
        text = text[: place.start()] + put + text[place.end() :]
    return text.encode("utf-8", "surrogatepass")


def changed_fields(body: bytes, chance: random.Random, kind: type[Any]) -> bytes:
    """Some fields of a message otherwise; it stays one."""
    message = kind.FromString(body)
    for _ in range(chance.randint(1, 4)):
        _change_field(message, chance)
    changed_body: bytes = message.SerializeToString()
    return changed_body


def _change_field(message: Any, chance: random.Random) -> None:
    while True:
        field = chance.choice(message.DESCRIPTOR.fields)
        value = getattr(message, field.name)
        if field.message_type is None:
            break
        if not field.is_repeated:
            message = value
            value.SetInParent()
        elif len(value) and chance.random() < 0.85:
            message = chance.choice(value)
        else:
            message = value.add()
        if chance.random() < 0.02 or not message.DESCRIPTOR.fields:
            return
    make: dict[str, Callable[[], Any]] = {
        "str": lambda: chance.choice(TEXTS),
        "bytes": lambda: chance.randbytes(chance.choice((0, 1, 8, 16, 32))),
        "bool": lambda: chance.random() < 0.5,
        "float": lambda: chance.choice((0.0, float("nan"), float("inf"), 1e308)),
    }
    wanted = make.get(type(value).__name__)
    if wanted is not None:
        setattr(message, field.name, wanted())
        return
    for number in chance.sample(NUMBERS, len(NUMBERS)):
        try:
            setattr(message, field.name, number)
        except ValueError:
            continue
        return


def one(kind: str, chance: random.Random, known: dict[str, list[bytes]]) -> bytes:
    """A request that nobody sent yet."""
    body = chance.choice(known[kind])
    if kind.startswith("json") and chance.random() < 0.6:
        return changed_tokens(body, chance, known[kind])
    if kind.startswith("protobuf") and chance.random() < 0.6:
        message = ExportTraceServiceRequest if kind.endswith("traces") else ExportLogsServiceRequest
        try:
            return changed_fields(body, chance, message)
        except Exception:  # noqa: BLE001  (of a seed that is no message)
            return changed(body, chance, known[kind])
    return changed(body, chance, known[kind])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    chosen = parser.parse_args()
    chance, known = random.Random(chosen.seed), seeds()
    seen = {how for kind in KINDS for body in known[kind] for how in outcome(kind, body)}
    FOUND.mkdir(exist_ok=True)
    end, tried, findings = time.monotonic() + 60 * chosen.minutes, 0, 0
    while time.monotonic() < end:
        kind = chance.choice(KINDS)
        body = one(kind, chance, known)
        tried += 1
        began = time.process_time()
        try:
            ways = outcome(kind, body)
            if time.process_time() - began > MAX_S:
                raise TimeoutError
        except Exception as error:  # noqa: BLE001  (that is what is looked for)
            frames = traceback.extract_tb(error.__traceback__)[-1]
            ways = {f"finding: {type(error).__name__} at {Path(frames.filename).name}:{frames.lineno}"}
        new = ways - seen
        is_finding = any(how.startswith("finding") for how in new)
        if not new or (len(body) > MAX_KEPT_BYTES and not is_finding):
            continue
        seen |= new
        findings += is_finding
        known[kind].append(body)
        (FOUND / f"{hashlib.sha256(body).hexdigest()[:16]}.{kind}").write_bytes(body)
        print(f"{tried:8} {', '.join(sorted(new))}", flush=True)
    print(f"{tried} requests, {len(seen)} ways to end, {findings} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
