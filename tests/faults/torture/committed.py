"""What a destination holds, read the plain way: manifests in order, and the files that they list."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from otel_audit.seal.manifest import Manifest, fingerprint, parse
from otel_audit.store.base import Store


@dataclass
class Committed:
    """A log, read back.

    Attributes:
        ids: how often each record id, and each id of a span, is in committed files.
        records: how many records these have.
        gaps: how many of them are gap records.
        manifests: how many commits there are.
        problems: what contradicts the format: chains, digests, positions that are there twice.
    """

    ids: Counter[str] = field(default_factory=Counter)
    records: int = 0
    gaps: int = 0
    manifests: int = 0
    problems: list[str] = field(default_factory=list)


def read(store: Store) -> Committed:
    """Everything that manifests list, each checked against what they say."""
    found = Committed()
    chains: dict[str, list[tuple[Manifest, bytes]]] = defaultdict(list)
    for info in store.list("_audit/manifests/"):
        content = store.read(info.path)
        manifest = parse(content, path=info.path)
        chains[manifest.writer].append((manifest, content))
        found.manifests += 1
    for writer, chain in chains.items():
        chain.sort(key=lambda link: link[0].commit)
        found.problems += _check_chain(writer, chain)
        positions: Counter[int] = Counter()
        for manifest, _ in chain:
            for table in _tables(store, manifest, found.problems):
                _count(table, found, positions)
        found.problems += [f"{writer}: sequence {each} twice" for each, n in positions.items() if n > 1]
        found.problems += _check_positions(writer, chain, positions)
    return found


def _check_chain(writer: str, chain: list[tuple[Manifest, bytes]]) -> Iterator[str]:
    first = chain[0][0]
    if (first.commit, first.previous, first.first_sequence) != (1, None, 1):
        yield f"{writer}: its chain does not begin at its beginning"
    for (before, content), (after, _) in pairwise(chain):
        if (after.commit, after.previous) != (before.commit + 1, fingerprint(content)):
            yield f"{writer}: commit {after.commit} does not follow {before.commit}"
        if after.first_sequence != before.last_sequence + 1:
            yield f"{writer}: commit {after.commit} does not go on where {before.commit} ended"


def _check_positions(
    writer: str, chain: list[tuple[Manifest, bytes]], positions: Iterable[int]
) -> Iterator[str]:
    expected = {
        sequence
        for manifest, _ in chain
        if manifest.kind == "commit"
        for sequence in range(manifest.first_sequence, manifest.last_sequence + 1)
    }
    if expected != set(positions):
        yield f"{writer}: {len(expected ^ set(positions))} positions are not as its manifests say"


def _tables(store: Store, manifest: Manifest, problems: list[str]) -> Iterator[pa.Table]:
    for file in manifest.files:
        content = store.read(file.path)
        if (len(content), hashlib.sha256(content).hexdigest()) != (file.bytes, file.sha256):
            problems.append(f"{file.path}: not the bytes that its manifest lists")
        yield pq.read_table(
            pa.BufferReader(content),
            columns=["recordId", "spanId", "eventName", "sequence"],
            partitioning=None,
        )


def _count(table: pa.Table, found: Committed, positions: Counter[int]) -> None:
    rows = table.to_pydict()
    found.records += table.num_rows
    found.gaps += rows["eventName"].count("audit.gap")
    found.ids.update(rows["recordId"])
    found.ids.update(each for each in rows["spanId"] if each)
    positions.update(rows["sequence"])
