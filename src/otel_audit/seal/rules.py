"""What a manifest must be, as far as it can be judged without the chain around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from otel_audit.errors import InputError
from otel_audit.record.streams import STREAMS
from otel_audit.seal.times import unix_nano
from otel_audit.store.names import WriterName

if TYPE_CHECKING:
    from otel_audit.seal.manifest import Manifest, ManifestEntry

__all__ = ["check"]

_FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader takes exactly."""

_EXTENSIONS: Final = {
    ("parquet", "zstd"): "parquet",
    ("ndjson", "gzip"): "ndjson.gz",
    ("ndjson", "zstd"): "ndjson.zst",
}


def check(manifest: Manifest) -> None:
    """Raise ValueError unless a manifest follows the rules that can be judged without its chain."""
    _check_place(manifest)
    _check_range(manifest)
    for loss in manifest.losses:
        _demand(loss.count is None or 0 < loss.count <= _MAX_INTEGER, "a loss without a count")
        _demand(_is_interval(loss.from_, loss.to), "a loss without an interval")
    writer = WriterName.parse(manifest.writer)
    for file in manifest.files:
        _check_file(manifest, writer, file)
    paths = {file.path for file in manifest.files}
    _demand(len(paths) == len(manifest.files), "a file is listed twice")


def _check_place(manifest: Manifest) -> None:
    try:
        WriterName.parse(manifest.writer)
    except InputError as error:
        raise ValueError("writer is not the name of a writer") from error
    is_first = manifest.commit == 1
    _demand(1 <= manifest.commit < 10**10, "commit is not a number from 1")
    _demand(manifest.stream in STREAMS, "stream is not one of " + ", ".join(STREAMS))
    _demand(_is_interval(manifest.created_at, manifest.created_at), "createdAt is not a time")
    if is_first:
        _demand(manifest.previous is None, "the first manifest has no previous")
        _demand(manifest.opens is not None, "the first manifest has opens")
        _demand(manifest.first_sequence == 1, "the first sequence is 1")
    else:
        _demand(_is_fingerprint(manifest.previous), "previous is not sha256:<hex>")
        _demand(manifest.opens is None, "only the first manifest has opens")
    if manifest.opens is not None:
        _demand(
            all(name.isascii() for name in manifest.opens.versions), "opens.versions has a key beyond ASCII"
        )


def _check_range(manifest: Manifest) -> None:
    _demand(
        1 <= manifest.first_sequence <= manifest.last_sequence + 1 <= _MAX_INTEGER,
        "firstSequence and lastSequence are not a range",
    )
    has_records = manifest.kind == "commit"
    if manifest.kind == "heartbeat":
        _demand(manifest.records == 0, "a heartbeat has an empty range")
    else:
        _demand(manifest.records > 0, f"a {manifest.kind} has a range")
    if manifest.kind == "gap":
        _demand(bool(manifest.losses), "a gap says what is lost")
    if has_records:
        _demand(_is_fingerprint(manifest.records_root), "recordsRoot is not sha256:<hex>")
        _demand(_is_fingerprint(manifest.masking_policy), "maskingPolicy is not sha256:<hex>")
    else:
        _demand(manifest.records_root is None, f"a {manifest.kind} has no recordsRoot")
        _demand(manifest.masking_policy is None, f"a {manifest.kind} has no maskingPolicy")
        _demand(not manifest.files, f"a {manifest.kind} has no files")
    rows = sum(file.rows for file in manifest.files)
    _demand(not has_records or rows == manifest.records, "the rows of the files are not those of the range")


def _check_file(manifest: Manifest, writer: WriterName, file: ManifestEntry) -> None:
    try:
        place = file.location
    except InputError as error:
        raise ValueError("a listed file's path is not one of the log") from error
    mine = (place.name.writer, place.name.commit, place.table.stream)
    _demand(mine == (writer, manifest.commit, manifest.stream), "a listed file belongs to another commit")
    _demand(
        _EXTENSIONS.get((file.format, file.compression)) == place.name.extension,
        "format and compression of a listed file are not those of its name",
    )
    _demand(bool(_SHA256.fullmatch(file.sha256)), "sha256 of a listed file is not 64 hex digits")
    _demand(file.sha256.startswith(place.name.digest), "sha256 of a listed file is not that of its name")
    _demand(0 < file.rows <= _MAX_INTEGER, "a listed file has no rows")
    _demand(0 < file.bytes <= _MAX_INTEGER, "a listed file has no bytes")
    _demand(
        _is_interval(file.min_timestamp, file.max_timestamp), "times of a listed file are not an interval"
    )


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _is_fingerprint(text: str | None) -> bool:
    return text is not None and _FINGERPRINT.fullmatch(text) is not None


def _is_interval(earliest: str, latest: str) -> bool:
    """Whether both are times in the form of manifests, in order."""
    try:
        return unix_nano(earliest) <= unix_nano(latest)
    except ValueError:
        return False
