"""The process that has the engine: within a time; a text that nobody looked at never passes for one without names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator

import pytest

from mask.ner.engines import VARIABLE
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.ner.port import Name
from otel_audit.mask.ner.process import ProcessFinder

Make = Callable[..., ProcessFinder]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    made: list[ProcessFinder] = []

    def build(failure: str = "", **options: object) -> ProcessFinder:
        monkeypatch.setenv(VARIABLE, failure)
        finder = ProcessFinder(NerOptions(model="none", **options), "mask.ner.engines")  # type: ignore[arg-type]
        made.append(finder)
        return finder

    yield build
    for finder in made:
        finder.close()


def test_names_of_many_texts_come_in_order(make: Make) -> None:
    texts = [f"{number} is Jane Doe" if number % 3 else "nobody" for number in range(200)]
    found = make().find(texts)
    assert len(found) == 200
    for text, names in zip(texts, found, strict=True):
        assert [text[name.start : name.end] for name in names] == (["Jane Doe"] if "Jane" in text else [])  # type: ignore[union-attr]


def test_text_of_any_kind_goes_through(make: Make) -> None:
    texts = ["", "\x00\n\u2028", "a\ud800b Jürgen Müller 😀", "x" * 300_000]
    assert make().find(texts) == [[], [], [Name(4, 17, "PERSON")], []]


@pytest.mark.parametrize("failure", ["raises", "lies", "other-types"])
def test_a_text_that_it_fails_on_costs_no_other(make: Make, failure: str) -> None:
    finder = make(failure)
    found = finder.find(["Jane Doe", "failure"])
    assert found[1] == "error"
    assert finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]


@pytest.mark.parametrize("failure", ["dies", "too-few"])
def test_one_that_dies_is_started_again(make: Make, failure: str) -> None:
    finder = make(failure)
    assert finder.find(["Jane Doe", "failure"]) == ["error", "error"]
    assert finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]


def test_one_that_dies_again_and_again_is_left_alone(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    finder = make("dies")
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            assert finder.find(["failure of Jane Doe"]) == ["error"]
    assert 2 <= len(caplog.records) < 10
    assert "Jane" not in caplog.text


def test_one_that_stalls_is_ended(make: Make) -> None:
    finder = make("stalls", timeout_s=0.5)
    texts = ["Jane Doe"] * 40 + ["failure"] + ["Jane Doe"] * 40
    began = time.monotonic()
    found = finder.find(texts)
    assert time.monotonic() - began < 20
    assert found[:32] == [[Name(0, 8, "PERSON")]] * 32, "what was answered before counts"
    assert set(map(str, found[32:])) == {"time-out"}
    assert finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]


@pytest.mark.parametrize(("failure", "said"), [("no-model", "no such model"), ("loads-for-ever", "in time")])
def test_one_that_does_not_load_is_left_alone(
    make: Make, caplog: pytest.LogCaptureFixture, failure: str, said: str
) -> None:
    finder = make(failure, load_timeout_s=1.0)
    with caplog.at_level(logging.ERROR):
        assert finder.find(["a", "b"])[0] in ("error", "time-out")
        assert said in caplog.text


def test_a_forked_child_starts_its_own(make: Make) -> None:
    finder = make()
    assert finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        finder.forget()
        ok = finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]
        finder.close()
        os.write(writing, b"1" if ok else b"0")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        assert answers.read() == b"1"
    os.waitpid(pid, 0)
    assert finder.find(["Jane Doe"]) == [[Name(0, 8, "PERSON")]]
