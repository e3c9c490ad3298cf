"""Looks again and again for files of OTLP that are new or have grown, and hands on what is complete of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit.cli.ingest.sources import Found, Source
from otel_audit.cli.ingest.taken import EDGE, Mark, Part, Taken, edge
from otel_audit.convert.exports import Export
from otel_audit.convert.otlp_files import MAX_MESSAGE, read_stream
from otel_audit.convert.otlp_pieces import Framing, Piece, framing_of, read_lines, read_messages
from otel_audit.errors import InputError, StoreError

__all__ = ["Watch"]

_CHUNK: Final = 4 << 20
"""Bytes that a round takes of one file, unless one export is larger."""

_ROUND: Final = 16 << 20
"""Bytes of a round, of all files together: a few thousand spans, enough to spread the cost of a batch."""


@dataclass(frozen=True, slots=True)
class _Taking:
    """What is taken of a file in one round."""

    export: Export
    part: Part
    mark: Mark

    @property
    def is_all(self) -> bool:
        return self.part.end == self.mark.size or self.mark.is_done


class Watch:
    """Watches places.

    Args:
        sources: the places.
        taken: what was taken of them before.
        write: makes records of an export durable; an export comes a second time only if it may not have returned.
        problems: takes an error for each part that cannot be read.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        taken: Taken,
        write: Callable[[Export], None],
        problems: Callable[[InputError | StoreError], None],
    ) -> None:
        self._sources, self._taken, self._write, self._problems = sources, taken, write, problems
        self._told: set[str] = set()

    def finish_planned(self) -> None:
        """Do again the round that a watch before this one may not have brought to its end."""
        takings = []
        for part in self._taken.planned:
            taking = self._again(part)
            if taking is not None:
                takings.append(taking)
        self._commit(takings)

    def look(self) -> bool:
        """Take what is there and new. Returns whether more of it is there.

        What cannot be read is reported, once, and not tried again before it has changed.
        """
        there, is_more = set(), False
        pending: list[_Taking] = []
        for source, found in self._listed():
            there.add(found.name)
            if self._taken.is_done(found):
                continue
            taking = self._next(source, found, pending)
            if taking is None:
                continue
            pending.append(taking)
            is_more = is_more or not taking.is_all
            if sum(one.part.end - one.part.start for one in pending) >= _ROUND:
                self._commit(pending)
        self._commit(pending)
        self._taken.forget(there)
        self._taken.save()
        return is_more

    def _report(self, problem: InputError | StoreError) -> None:
        """Report an error; of what cannot be opened, the same error once."""
        if isinstance(problem, InputError) and not problem.place:
            if str(problem) in self._told:
                return
            self._told.add(str(problem))
        self._problems(problem)

    def _listed(self) -> Iterator[tuple[Source, Found]]:
        for source in self._sources:
            try:
                for found in source.list():
                    yield source, found
            except (InputError, StoreError) as error:
                self._report(error)

    def _next(self, source: Source, found: Found, pending: list[_Taking]) -> _Taking | None:
        """What can be taken of a file now; None if it is nothing. One that is whole only at its end is taken here."""
        try:
            file = source.open(found)
            if file is None:
                return None
            with file:
                if file.seek(0, io.SEEK_END) < found.size:
                    # Another file has its name since it was listed.
                    return None
                start = self._taken.end_in(found, file)
                framing = self._framing(file, found)
                if framing is Framing.WHOLE:
                    self._commit(pending)
                    self._take_whole(file, found, start)
                    return None
                return None if framing is None else self._part_of(file, found, framing, start)
        except (InputError, StoreError, OSError) as error:
            self._report(error if isinstance(error, InputError | StoreError) else _unreadable(found))
            return None

    def _framing(self, file: io.BufferedReader, found: Found) -> Framing | None:
        file.seek(0)
        size = EDGE
        while True:
            head = file.read(size)
            is_all = len(head) < size
            framing = framing_of(head, is_all=is_all and found.is_settled)
            if framing is not None or is_all or size > MAX_MESSAGE:
                return framing
            # Its first line is longer.
            file.seek(0)
            size *= 16

    def _part_of(
        self, file: io.BufferedReader, found: Found, framing: Framing, start: int, end: int | None = None
    ) -> _Taking | None:
        size = _CHUNK if end is None else end - start
        problems: list[InputError] = []
        while True:
            file.seek(start)
            # Never beyond what was listed: what is read is what the mark says.
            data = file.read(min(size, found.size - start))
            is_end = start + len(data) >= found.size
            piece = _read(data, framing, found, start, is_all=is_end and found.is_settled, problems=problems)
            if piece.size or is_end or end is not None:
                break
            size *= 4
            problems.clear()
        if not piece.size and not (is_end and found.is_settled):
            return None
        is_done = start + piece.size == found.size or (is_end and found.is_settled)
        if is_done and data[piece.size :].strip():
            place = f"byte {start + piece.size}"
            problems.append(InputError("ends in the middle of an export", source=found.name, place=place))
        for problem in problems:
            self._report(problem)
        mark = self._taken.took(found, file, start + piece.size, is_done=is_done)
        head_size = min(EDGE, found.size)
        part = Part(
            name=found.name,
            start=start,
            end=start + piece.size,
            head_size=head_size,
            head=edge(file, 0, head_size),
        )
        return _Taking(piece.export, part, mark)

    def _take_whole(self, file: io.BufferedReader, found: Found, start: int) -> None:
        if start < found.size:
            if not found.is_settled:
                return
            file.seek(0)
            problems: list[InputError] = []
            for export in read_stream(file, found.name, problems=problems):
                self._write(export)
            for problem in problems:
                self._report(problem)
        self._taken.done([self._taken.took(found, file, found.size, is_done=True)])

    def _again(self, part: Part) -> _Taking | None:
        """A part of a file that was planned; None if the file is gone, or is another now."""
        listed = sorted(self._listed(), key=lambda one: one[1].name != part.name)
        for source, found in listed:
            if found.size < part.end:
                continue
            try:
                file = source.open(found)
                if file is None:
                    continue
                with file:
                    is_whole = file.seek(0, io.SEEK_END) >= found.size
                    if not is_whole or edge(file, 0, part.head_size) != part.head:
                        continue
                    framing = self._framing(file, found)
                    if framing is not None:
                        return self._part_of(file, found, framing, part.start, part.end)
            except (InputError, StoreError, OSError) as error:
                self._report(error if isinstance(error, InputError | StoreError) else _unreadable(found))
        return None

    def _commit(self, takings: list[_Taking]) -> None:
        """Bring a round into the log: spans with the log events that were found beside them."""
        export = Export([], [])
        for taking in takings:
            export.spans += taking.export.spans
            export.logs += taking.export.logs
        if len(export):
            self._taken.plan([taking.part for taking in takings if taking.part.end > taking.part.start])
            self._write(export)
        self._taken.done([taking.mark for taking in takings])
        takings.clear()


def _read(
    data: bytes, framing: Framing, found: Found, start: int, *, is_all: bool, problems: list[InputError]
) -> Piece:
    if framing is Framing.LINES:
        return read_lines(data, source=found.name, start=start, is_all=is_all, problems=problems)
    return read_messages(data, source=found.name, start=start, problems=problems)


def _unreadable(found: Found) -> InputError:
    return InputError("cannot be read", source=found.name)
