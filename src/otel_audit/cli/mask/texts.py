"""``otel-audit mask text``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click
import orjson

from otel_audit.cli.main import PROBLEM, warn
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.mask.free_text import TextMasker
from otel_audit.mask.ner.process import ProcessFinder
from otel_audit.mask.policy import MaskPolicy

__all__ = ["text"]


@click.command(name="text")
@click.option(
    "--jsonl",
    is_flag=True,
    help='Read lines {"text": …} and print lines {"text", "masked", "entities": [{"type", "start", "end"}]}; '
    "positions are characters of the text as it was. The text itself is printed, too: mind where it goes.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), default="-")
@click.pass_context
def text(ctx: click.Context, *, jsonl: bool, file: str) -> None:
    """Mask a text from FILE or a pipe, as a field of a record would be.

    Without --jsonl the whole input is one text, and only what may be written is printed.

    Exit code 1 if a line is no {"text": …}; the others are masked all the same.
    """
    settings = load({})
    policy = mask_policy(settings)
    output = sys.stdout.buffer
    with _input(file) as stream, _finder(policy) as finder:
        masker = TextMasker(policy, tenant=settings.log.tenant, finder=finder)
        if not jsonl:
            masked = masker.mask(stream.read().decode("utf-8", "replace")).masked
            output.write(masked.encode("utf-8", "surrogatepass"))
            return
        bad = 0
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            given = _text_of(line)
            if given is None:
                bad += 1
                warn(f'line {number} is no JSON object with a string under "text"')
                continue
            found = masker.mask(given)
            entities = [{"type": one.type, "start": one.start, "end": one.end} for one in found.entities]
            output.write(orjson.dumps({"text": given, "masked": found.masked, "entities": entities}) + b"\n")
            output.flush()
        if bad:
            ctx.exit(PROBLEM)


@contextmanager
def _finder(policy: MaskPolicy) -> Iterator[ProcessFinder | None]:
    if policy.ner is None:
        yield None
        return
    finder = ProcessFinder(policy.ner)
    try:
        yield finder
    finally:
        finder.close()


@contextmanager
def _input(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
    else:
        with open(file, "rb") as stream:
            yield stream


def _text_of(line: bytes) -> str | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    given = value.get("text") if isinstance(value, dict) else None
    return given if isinstance(given, str) else None
