"""How files are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.errors import ConfigurationError

__all__ = ["EXTENSIONS", "EncodeOptions"]

EXTENSIONS: Final = {
    ("parquet", "zstd"): "parquet",
    ("ndjson", "gzip"): "ndjson.gz",
    ("ndjson", "zstd"): "ndjson.zst",
}
"""What may be combined, and how such a file's name ends."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """Format, compression and the sizes that a writer keeps to.

    Attributes:
        format: ``parquet`` or ``ndjson``.
        compression: ``zstd``; for NDJSON also ``gzip``.
        level: compression level. The next step beyond 1 takes twice the time for a tenth of the size.
        row_group_rows: rows at which a Parquet row group is closed.
        row_group_bytes: size in memory, uncompressed, at which it is closed. With the rows a bound of what a
            writer holds back.
        max_open: files that :func:`~otel_audit.encode.partitions.encode_partitions` has open at once.
    """

    format: str = "parquet"
    compression: str = "zstd"
    level: int = 1
    row_group_rows: int = 1 << 16
    row_group_bytes: int = 1 << 26
    max_open: int = 64

    def __post_init__(self) -> None:
        if (self.format, self.compression) not in EXTENSIONS:
            accepted = ", ".join(f"{form} with {compression}" for form, compression in EXTENSIONS)
            raise ConfigurationError(
                f"no files of {self.format} with {self.compression} are written; accepted: {accepted}"
            )

    @property
    def extension(self) -> str:
        """How a file's name ends, without the leading dot."""
        return EXTENSIONS[self.format, self.compression]
