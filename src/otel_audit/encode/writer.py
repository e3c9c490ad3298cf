"""What the writers of both formats share: their port, and the statistics that they leave behind."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["FileStatistics", "HashingSink", "RecordWriter", "WrittenRows"]


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """What a manifest says of a file; counted while it was written, so that it is never read for it.

    Attributes:
        rows: records in it.
        size: bytes of the file.
        sha256: of the file, lower-case hex.
        min_time_unix_nano: earliest ``timeUnixNano`` in it, nanoseconds since the epoch.
        max_time_unix_nano: latest one.
    """

    rows: int
    size: int
    sha256: str
    min_time_unix_nano: int
    max_time_unix_nano: int


class RecordWriter(Protocol):
    """Writes record batches into one file. As a context manager it closes itself, unless an error passes
    through: then the sink holds a part of a file and nothing more is written to it."""

    def write(self, records: pa.RecordBatch) -> None:
        """Take records. What reaches the sink when is the format's business.

        Args:
            records: columns of :data:`~otel_audit.record.schema.SCHEMA`.

        Raises:
            ValueError: a map has the same key twice (NDJSON).
            OSError: the sink refused.
        """

    def close(self) -> FileStatistics:
        """Write what is left. The sink is flushed, not closed, and nothing is durable yet. Again: no effect.

        Raises:
            ValueError: no record was written.
            OSError: the sink refused.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class HashingSink:
    """A sink that knows the SHA-256 and the number of the bytes that went through it.

    It has as much of a file's interface as Arrow's writers ask for.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self._discarding = False
        self.size = 0
        self.closed = False

    @property
    def hexdigest(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._sha256.hexdigest()

    def write(self, content: Any) -> int:
        """Pass bytes on.

        Args:
            content: any object with the buffer protocol.
        """
        left = memoryview(content).cast("B")
        if not self._discarding:
            self._sha256.update(left)
            self.size += left.nbytes
            while left:
                # An unbuffered sink may take a part only.
                left = left[self._sink.write(left) :]
        return memoryview(content).nbytes

    def tell(self) -> int:
        """Bytes written."""
        return self.size

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never."""
        return False

    def flush(self) -> None:
        """Flush the sink."""
        if not self._discarding:
            self._sink.flush()

    def discard(self) -> None:
        """Pass on nothing more: an encoder that is ended after an error writes its trailer nowhere."""
        self._discarding = True

    def close(self) -> None:
        """Take nothing more. The sink stays open: it is its owner's."""
        self.closed = True


class WrittenRows:
    """Number and time range of the records that a writer took."""

    def __init__(self) -> None:
        self._rows = 0
        self._min: int | None = None
        self._max: int | None = None

    def add(self, records: pa.RecordBatch) -> None:
        """Count a batch."""
        self._rows += records.num_rows
        extremes: Any = pc.min_max(records["timeUnixNano"])
        earliest, latest = extremes["min"].as_py(), extremes["max"].as_py()
        if earliest is not None:
            self._min = earliest if self._min is None else min(self._min, earliest)
            self._max = latest if self._max is None else max(self._max, latest)

    def statistics(self, sink: HashingSink) -> FileStatistics:
        """What is known of the file that the sink has taken.

        Raises:
            ValueError: there is no record, or none with a time.
        """
        if self._min is None or self._max is None:
            raise ValueError("a file without records has no statistics")
        return FileStatistics(self._rows, sink.size, sink.hexdigest, self._min, self._max)
