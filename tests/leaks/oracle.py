"""The leak oracle: whether a planted value can be read in a text, however it is written there.

It shares no code with the product. A text is read in every way of ``decodings.py``; a planted value is in it if
one of its needles (``planted.py``) is in one of the readings:

- needles of addresses and secrets are looked for in case-folded text;
- needles of numbers in *runs of digits*: digits with at most four characters between any two, none of which is a
  letter or digit. So ``4111-1111`` is one run and ``line 4111, column 1111`` is two.

Ids, hashes and times hold digits by nature, and now and then six of a planted number's. They are taken out of a
text before it is searched, by :class:`Harmless`:

- by their form, where no planted value could have it: UUIDs, RFC 3339 times, SHA-256 in hex, names of writers;
- by their very value, where somebody has seen it in a field that holds nothing else (``artefacts.py``): trace
  and span ids, salts, nanoseconds since the epoch, and the host's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from leaks.decodings import plainer, readings
from leaks.planted import PLANTED, Planted

_DIGIT_RUN = re.compile(r"[0-9](?:[\W_]{0,4}[0-9])+")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_SHORTEST_NEEDLE = 6

_FORMS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
    r"|\b20[0-9]{6}-[0-9a-z]{8}\b"
    r"|\b[0-9a-f]{64}\b"
)
_HEX_RUN = re.compile(r"[0-9a-f]{16,}")
_EPOCH_NANOS = re.compile(r"1[5-9][0-9]{17}")


class Text(NamedTuple):
    """What is read.

    Attributes:
        where: file, record and field.
        text: what it says.
        is_raw: a long text whose parts are given as well; of it only what is plainly written is read.
    """

    where: str
    text: str
    is_raw: bool = False


class Harmless:
    """What is not searched.

    Args:
        values: ids of 16, 32 or 64 hex digits and decimal nanoseconds, as seen in fields that hold nothing else.
        texts: other texts, each with a reason beside it where it is given.
    """

    def __init__(self, values: Iterable[str] = (), texts: Sequence[str] = ()) -> None:
        self._values = frozenset(values)
        self._texts = texts

    def without(self, text: str) -> str:
        """The text with a bar in the place of everything harmless."""
        for known in self._texts:
            text = text.replace(known, "|")
        text = _FORMS.sub("|", text)
        text = _EPOCH_NANOS.sub(lambda match: "|" if match[0] in self._values else match[0], text)
        return _HEX_RUN.sub(self._without_ids, text)

    def _without_ids(self, match: re.Match[str]) -> str:
        # In the buffers of a column ids lie side by side.
        run, rest, at = match[0], [], 0
        while at < len(run):
            length = next((size for size in (64, 32, 16) if run[at : at + size] in self._values), 0)
            rest.append("|" if length else run[at])
            at += length or 1
        return "".join(rest)


@dataclass(frozen=True, slots=True)
class Leak:
    """A planted value that can be read.

    Attributes:
        planted: its name.
        where: file, record and field.
        way: the decodings that it takes.
        text: around it. All values are invented, so it may be shown.
    """

    planted: str
    where: str
    way: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        way = " > ".join(self.way) or "as it is"
        return f"{self.planted} at {self.where} ({way}): {self.text}"


class Oracle:
    """Reads texts. Remembers which were clean, so that the same text is read once.

    Args:
        planted: what is looked for.
        harmless: what is not searched.
    """

    def __init__(self, planted: Iterable[Planted] = PLANTED, harmless: Harmless | None = None) -> None:
        planted = tuple(planted)
        self._harmless = harmless or Harmless()
        self._numbers = {
            needle: entry.name for entry in planted if entry.kind == "number" for needle in entry.needles
        }
        self._words = {
            needle: entry.name for entry in planted if entry.kind != "number" for needle in entry.needles
        }
        self._pattern = re.compile("|".join(map(re.escape, self._words)) or r"(?!)")
        self._clean: set[str] = set()
        self._plainly_clean: set[str] = set()

    def leaks(self, texts: Iterable[Text | tuple[str, str]]) -> Iterator[Leak]:
        """What can be read in texts; at most one leak of a value a text."""
        for where, text, is_raw in (Text(*text) for text in texts):
            if text in self._clean or (is_raw and text in self._plainly_clean):
                continue
            found: dict[str, Leak] = {}
            read = []
            for reading, way in plainer(text) if is_raw else readings(text, self._clean):
                read.append(reading)
                for name, around in self._read(self._harmless.without(reading)):
                    found.setdefault(name, Leak(name, where, way, around))
            if found:
                yield from found.values()
            else:
                (self._plainly_clean if is_raw else self._clean).update(read)

    def _read(self, text: str) -> Iterator[tuple[str, str]]:
        if len(text) < _SHORTEST_NEEDLE:
            return
        folded = text.casefold()
        for match in self._pattern.finditer(folded):
            yield self._words[match[0]], _around(folded, *match.span())
        for run in _DIGIT_RUN.finditer(text):
            digits = _NOT_DIGITS.sub("", run[0])
            for at in range(len(digits) - _SHORTEST_NEEDLE + 1):
                name = self._numbers.get(digits[at : at + _SHORTEST_NEEDLE])
                if name is not None:
                    yield name, _around(text, *run.span())
                    break


def _around(text: str, start: int, end: int) -> str:
    return repr(text[max(0, start - 40) : min(end, start + 80) + 40])
