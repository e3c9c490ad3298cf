"""No input is catastrophic: time goes with length, and a recogniser that fails, stalls or explodes costs its field."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from mask.batches import unmasked
from otel_audit.mask.candidates import Candidate
from otel_audit.mask.free_text import TextMasker
from otel_audit.mask.judge import Judge
from otel_audit.mask.masker import MaskedBatch, Masker
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.own_recognizers import OwnRecognizer
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.recognizer import Recognizer
from otel_audit.mask.recognizers import RECOGNIZERS

_HOSTILE = {
    "digits": "4111 1111 1111 1112 ",
    "at signs": "a@",
    "percent": "%41%2520",
    "escapes": "\\u0041\\n",
    "base64": "aGVsbG8gd29ybGQg",
    "brackets": '[{"a":',
    "names of secrets": "password=",
    "names of what may be secrets": "sid:",
    "URLs with credentials": "http://a:b@c/",
    "beginnings of keys": "-----BEGIN PRIVATE KEY-----\n",
    "full-width digits": "４１１１ ",
    "an event stream": 'data: {"a":"b"}\n\n',
}
_PATIENT = TextMasker(MaskPolicy(field_timeout_s=3600))


def _seconds(unit: str, size: int) -> float:
    text = (unit * (size // len(unit) + 1))[:size]

    def once() -> float:
        began = time.thread_time()
        _PATIENT.mask(text)
        return time.thread_time() - began

    return min(once(), once())


@pytest.mark.parametrize("name", _HOSTILE)
def test_time_goes_with_length(name: str) -> None:
    _PATIENT.mask(_HOSTILE[name] * 10)
    short, long = _seconds(_HOSTILE[name], 4_000), _seconds(_HOSTILE[name], 32_000)
    # Eight times as long: linear is 8, quadratic 64.
    assert long < 28 * max(short, 0.002)


_NAMES = (
    "passw", "pass-phrase", "passcode", "pwd", "secret", "api key", "access-key", "session_key", "credential", "cvv",
    "jwt", "cookie", "authorization", "security code", "card number", "one time", "amz-signature", "token",
    "pan", "pin", "otp", "pass", "auth", "sig", "session", "session id", "sid",
)  # fmt: skip
_SIGNS = (":", "=", "=>", ": ", ":x,", ": a ", ':"', "='", '":', '\\":', "%3a", ":\t", " ", "\n")
_REPEATED = [f"{name}:" for name in _NAMES] + [f"{name}{sign}" for name in ("sid", "pin") for sign in _SIGNS]
_REPEATED += [
    f"{name} {words}" for name in ("secret", "password") for words in ("", "is ", "for x is ", "to ")
]


def test_a_text_of_nothing_but_names_of_secrets_is_no_stall() -> None:
    values = "she said that it would be fine, so I called +49 30 901820-33 about it again and again. "
    usual = _seconds(values, 200_000) / 200_000
    slow = {
        unit: f"{taken / usual:.0f} times as long"
        for unit in _REPEATED
        if (taken := _seconds(unit, 10_000) / 10_000) > 15 * usual
    }
    assert slow == {}


_SECRET = "jane.doe@example.com"


def _masked(
    validate: Callable[[Candidate], Iterator[tuple[int, int]]], *, timeout_s: float = 5.0
) -> MaskedBatch:
    """Records masked with a recogniser that goes wrong on the word *trouble*."""
    bad = Recognizer(
        "bad", "EMAIL", rb"trouble", ("trouble",), triggers=(b"trouble",), validate=validate, retry=True
    )  # fmt: skip
    masker = Masker(
        MaskPolicy(field_timeout_s=timeout_s),
        judge=Judge((*RECOGNIZERS, bad), structure=STRUCTURE_TRIGGERS),
    )
    text = f"trouble with {_SECRET} " + "trouble " * 400
    return masker.mask(
        unmasked(
            {"errorMessage": text, "spanName": f"about {_SECRET}"},
            {"request": json.dumps({"a": text, "b": 1})},
            {"errorMessage": f"write to {_SECRET}"},
        )
    )


def _fails(candidate: Candidate) -> Iterator[tuple[int, int]]:
    raise ValueError(candidate.text.decode())
    yield 0, 0


def _overflows(candidate: Candidate) -> Iterator[tuple[int, int]]:
    return _overflows(candidate)


def _stalls(candidate: Candidate) -> Iterator[tuple[int, int]]:
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        pass
    yield from ()


@pytest.mark.parametrize(
    ("validate", "reason", "timeout_s"),
    [(_fails, "error", 5.0), (_overflows, "nesting", 5.0), (_stalls, "time-out", 0.1)],
)
def test_a_recogniser_that_goes_wrong_costs_its_field(
    validate: Callable[[Candidate], Iterator[tuple[int, int]]], reason: str, timeout_s: float
) -> None:
    masked = _masked(validate, timeout_s=timeout_s)
    first, second, third = masked.records.to_pylist()
    assert _SECRET not in str([first, second, third])
    assert first["errorMessage"] == "[WITHHELD]"
    assert first["spanName"] == "about [EMAIL]", "other fields are judged as ever"
    assert {"path": "errorMessage", "reason": reason} in first["masking"]["dropped"]
    assert [one["reason"] for one in second["masking"]["dropped"]] == [reason]
    assert third["errorMessage"] == "write to [EMAIL]"
    assert third["masking"]["dropped"] is None
    assert masked.withheld_fields() == {reason: 2}, "what the metric audit.withheld counts"


def test_one_that_finds_everything_explodes_within_its_time() -> None:
    everything = OwnRecognizer("any", "ANYTHING", r"[a-z]", matches=("1a1",))
    masker = Masker(MaskPolicy(recognizers=(everything,), field_timeout_s=0.2))
    began = time.thread_time()
    (record,) = masker.mask(
        unmasked({"errorMessage": "abc " * 250_000, "outcome": "failure"})
    ).records.to_pylist()
    assert time.thread_time() - began < 30
    assert "abc" not in record["errorMessage"]
    assert record["outcome"] == "failure"
