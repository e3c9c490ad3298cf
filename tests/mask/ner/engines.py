"""Engines for tests: what runs in the process is real, what it finds and how it fails is told by a variable."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence

from otel_audit.mask.ner.answering import serve
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.ner.port import Name

VARIABLE = "FAKE_ENGINE"
KNOWN = re.compile("Jane Doe|Jürgen Müller|Rue de Rivoli 12")


class Fake:
    """Knows two persons and a street; the word ``failure`` in a text makes it fail as it is told to."""

    def __init__(self, failure: str) -> None:
        self._failure = failure

    def find(self, texts: Sequence[str]) -> list[list[Name]]:
        print("what a library prints")
        if any("failure" in text for text in texts):
            match self._failure:
                case "raises":
                    raise ValueError("Jane Doe")
                case "stalls":
                    threading.Event().wait(60)
                case "dies":
                    os._exit(1)
                case "lies":
                    return [[Name(0, 10_000, "PERSON")] for _ in texts]
                case "other-types":
                    return [[Name(0, 1, "SPACESHIP")] for _ in texts]
                case "too-few":
                    return []
        return [
            [
                Name(*match.span(), "LOCATION" if "Rue" in match[0] else "PERSON")
                for match in KNOWN.finditer(text)
            ]
            for text in texts
        ]


def main() -> None:
    failure = os.environ.get(VARIABLE, "")

    def make(options: NerOptions) -> Fake:
        if failure == "no-model":
            raise FileNotFoundError
        if failure == "loads-for-ever":
            threading.Event().wait(60)
        return Fake(failure)

    serve(make)
