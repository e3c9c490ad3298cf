"""A smallest pipeline on top of the spool, and a destination that tells when a promise is broken."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Any

from otel_audit.spool import Commit, Draft, Outbox, PlannedFile, Slot

_nonces = itertools.count()


class Destination:
    """Takes each object once; the same bytes again are fine, others are a broken promise."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create(self, path: str, content: bytes) -> None:
        if self.objects.setdefault(path, content) != content:
            raise AssertionError(f"{path} was created with other bytes before")

    def manifests(self) -> dict[str, list[dict[str, Any]]]:
        """Manifests by writer, checked to be whole chains."""
        chains: dict[str, list[dict[str, Any]]] = {}
        previous: dict[str, str | None] = {}
        for path in sorted(path for path in self.objects if path.startswith("manifest/")):
            manifest = json.loads(self.objects[path])
            chain = chains.setdefault(manifest["writer"], [])
            assert manifest["commit"] == len(chain) + 1
            assert manifest["previous"] == previous.get(manifest["writer"])
            assert manifest["first"] == (chain[-1]["last"] + 1 if chain else 1)
            assert (manifest["opens"] is not None) == (not chain)
            assert not chain or not chain[-1]["closes"]
            chain.append(manifest)
            previous[manifest["writer"]] = f"sha256:{hashlib.sha256(self.objects[path]).hexdigest()}"
        return chains

    def record_ids(self) -> list[str]:
        """Ids of all committed records, checked to be at the sequences that the manifests say."""
        found = []
        for chain in self.manifests().values():
            for manifest in chain:
                rows = [
                    json.loads(line) for path in manifest["files"] for line in self.objects[path].splitlines()
                ]
                expected = (
                    range(manifest["first"], manifest["last"] + 1) if manifest["kind"] == "commit" else []
                )
                assert [row["sequence"] for row in rows] == list(expected)
                found += [row["recordId"] for row in rows]
        return found


def encode(draft: Draft) -> PlannedFile:
    """Encode a draft into one file. No two encodings give the same bytes."""
    # As few columns as do; readers pass over one that they do not know, so this can be read back.
    content = b"".join(
        json.dumps({"sequence": sequence, "recordId": record_id, "nonce": next(_nonces)}).encode() + b"\n"
        for batch in draft.batches()
        for sequence, record_id in zip(
            batch.records.column("sequence").to_pylist(),
            batch.records.column("recordId").to_pylist(),
            strict=True,
        )
    )
    with draft.create_file("00.json") as sink:
        sink.write(content)
    return PlannedFile(
        path=f"log/{draft.writer}/{draft.commit:010d}",
        local="00.json",
        format="ndjson",
        compression="none",
        rows=content.count(b"\n"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        min_time_unix_nano=1,
        max_time_unix_nano=2,
    )


def plan(draft: Draft) -> Commit:
    """Encode and plan."""
    return draft.plan([encode(draft)], records_root="sha256:" + "0" * 64, masking_policy="sha256:" + "1" * 64)


def carry_out(commit: Commit, destination: Destination) -> None:
    """Create the objects of a commit, then its manifest."""
    for file in commit.files:
        destination.create(file.path, commit.local_path(file).read_bytes())
    if commit.manifest is None:
        commit.write_manifest(manifest_of(commit))
    assert commit.manifest is not None
    destination.create(f"manifest/{commit.plan.writer}/{commit.plan.commit:010d}", commit.manifest)
    commit.done()


def manifest_of(commit: Commit) -> bytes:
    """A manifest, other bytes each time, as its time of writing makes it."""
    plan = commit.plan
    content = {
        "nonce": next(_nonces),
        "kind": plan.kind,
        "writer": plan.writer,
        "commit": plan.commit,
        "previous": commit.previous,
        "first": plan.first_sequence,
        "last": plan.last_sequence,
        "files": [file.path for file in plan.files],
        "losses": [[loss.cause, loss.count] for loss in plan.losses],
        "opens": plan.opens,
        "closes": plan.closes,
    }
    return json.dumps(content).encode()


def ship_one(outbox: Outbox, destination: Destination) -> None:
    """Plan and carry out everything that one outbox owes."""
    for draft in outbox.drafts():
        plan(draft)
    for commit in outbox.commits():
        carry_out(commit, destination)


def ship(slot: Slot, destinations: dict[str, Destination], *, only: Sequence[str] = ()) -> None:
    """Plan and carry out everything that is owed."""
    for name in only or destinations:
        ship_one(slot.outbox(name), destinations[name])
