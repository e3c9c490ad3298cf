"""Manifests: golden bytes, strict reading, and the chain."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.errors import InputError, IntegrityError
from otel_audit.seal.chain import Chain
from otel_audit.seal.manifest import Loss, Manifest, ManifestEntry, Opening, fingerprint, parse, serialise
from otel_audit.seal.times import timestamp, unix_nano

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest"
WRITER = "shop-assistant-20261121-5f2c91ab"
NUMBERS = range(1, 6)


def path_of(commit: int) -> str:
    return f"_audit/manifests/date=2026-11-21/{WRITER}/{commit:010d}.json"


def golden(commit: int) -> bytes:
    return (GOLDEN / f"{commit:010d}.json").read_bytes()


def changed(number: int, /, **changes: Any) -> bytes:
    """A golden manifest with other values; ``...`` takes a key away."""
    content = json.loads(golden(number))
    content.update(changes)
    return json.dumps({key: value for key, value in content.items() if value is not ...}).encode()


def changed_file(**changes: Any) -> bytes:
    """The third golden manifest, with its one file changed."""
    file = json.loads(golden(3))["files"][0]
    return changed(3, files=[{**file, **changes}])


@pytest.mark.parametrize("commit", NUMBERS)
def test_golden_bytes(commit: int) -> None:
    content = golden(commit)
    assert serialise(parse(content, path=path_of(commit))) == content
    assert rfc8785.dumps(json.loads(content)) == content


def test_golden_values() -> None:
    first = parse(golden(1), path=path_of(1))
    assert (first.kind, first.records, first.previous, first.closes) == ("commit", 711, None, False)
    assert first.path == path_of(1)
    assert first.opens is not None
    assert first.opens.versions["otel-audit"] == "0.1.0"
    assert first.files[1].location.name.revision == 1
    assert first.files[1].max_unix_nano == 1_795_284_256_394_044_809
    assert first.files[0].min_unix_nano == 1_795_283_998_000_000_001
    gap = parse(golden(2), path=path_of(2))
    assert gap.losses[0].count == 3
    assert parse(golden(4), path=path_of(4)).records == 0


def test_a_golden_chain_is_followed_to_its_close() -> None:
    chain = Chain()
    for commit in NUMBERS:
        assert not chain.is_closed
        chain.follow(golden(commit), path=path_of(commit))
        assert chain.fingerprint == f"sha256:{hashlib.sha256(golden(commit)).hexdigest()}"
    assert chain.is_closed
    with pytest.raises(IntegrityError, match="commit 5 closed the chain"):
        chain.follow(changed(4, commit=6, previous=chain.fingerprint), path=path_of(6))


@pytest.mark.parametrize(
    ("content", "path", "reason"),
    [
        (changed(3, previous="sha256:" + "0" * 64), path_of(3), "previous is sha256:000"),
        (changed(3, firstSequence=716, lastSequence=716), path_of(3), "begins with sequence 716"),
        (changed(3, firstSequence=714, lastSequence=714), path_of(3), "begins with sequence 714"),
        (golden(4), path_of(4), "commit 4 after commit 2"),
        (golden(2), path_of(2), "commit 2 after commit 2"),
        (changed(4, stream="model-io", commit=3), path_of(3), "not of the chain of"),
        (
            changed(4, commit=3, writer="shop-20261121-5f2c91ab"),
            path_of(3).replace("shop-assistant", "shop"),
            "not of the chain of",
        ),
    ],
)
def test_a_chain_refuses_what_does_not_follow(content: bytes, path: str, reason: str) -> None:
    chain = Chain()
    for commit in (1, 2):
        chain.follow(golden(commit), path=path_of(commit))
    with pytest.raises(IntegrityError, match=reason):
        chain.follow(content, path=path)
    chain.follow(golden(3), path=path_of(3))


def test_one_changed_byte_breaks_the_chain_behind_it() -> None:
    chain = Chain()
    chain.follow(golden(1).replace(b"node-17", b"node-18"), path=path_of(1))
    with pytest.raises(IntegrityError, match="previous is"):
        chain.follow(golden(2), path=path_of(2))


def test_a_chain_begins_at_its_beginning() -> None:
    with pytest.raises(IntegrityError, match="begins with commit 2"):
        Chain().follow(golden(2), path=path_of(2))


def test_unknown_keys_are_ignored() -> None:
    content = changed(3, signature={"keyId": "k1", "alg": "ed25519", "value": "…"}, later=[1])
    assert parse(content, path=path_of(3)) == parse(golden(3), path=path_of(3))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manifestVersion": 2}, "manifestVersion 2 is not known"),
        ({"kind": "replace", "files": "of another form"}, "its kind is not known"),
        ({"requires": ["encryption"]}, "requires what this version does not know"),
    ],
)
def test_what_a_newer_version_wrote_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        parse(changed(3, **changes), path=path_of(3))
    assert caught.value.source == path_of(3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a manifest"),
        (b"[]", "not a manifest"),
        (b"{}", "not a manifest"),
        (b"\xff", "not a manifest"),
        (golden(3)[:-1], "not a manifest"),
        (changed(3, commit="3"), "not a manifest"),
        (changed(3, previous=...), "not a manifest"),
        (changed(3, files=None), "not a manifest"),
        (changed(3, writer="../../etc"), "writer is not the name"),
        (changed(3, writer="shop-20261332-5f2c91ab"), "writer is not the name"),
        (changed(3, commit=0), "commit is not a number from 1"),
        (changed(3, stream="other"), "stream is not one of"),
        (changed(3, createdAt="2026-11-21T18:07:00Z"), "createdAt is not a time"),
        (changed(3, createdAt="2026-13-21T18:07:00.000000000Z"), "createdAt is not a time"),
        (changed(3, createdAt="2026-11-21T18:07:00.\u0660\u0660\u0660000000Z"), "createdAt is not a time"),
        (changed(3, previous=None), "previous is not sha256"),
        (changed(3, previous="sha256:" + "G" * 64), "previous is not sha256"),
        (changed(3, opens=json.loads(golden(1))["opens"]), "only the first manifest has opens"),
        (changed(3, firstSequence=0), "are not a range"),
        (changed(3, firstSequence=717), "are not a range"),
        (changed(3, lastSequence=2**53), "are not a range"),
        (changed(3, firstSequence=716), "a commit has a range"),
        (changed(3, lastSequence=716), "rows of the files"),
        (changed(3, files=[]), "rows of the files"),
        (changed(3, recordsRoot=...), "recordsRoot is not sha256"),
        (changed(3, maskingPolicy="4c1d"), "maskingPolicy is not sha256"),
        (changed(3, losses=[{"cause": "x", "count": 0, "from": "", "to": ""}]), "a loss without a count"),
        (changed(3, losses=[{"cause": "x", "count": 1, "from": "", "to": ""}]), "a loss without an interval"),
        (changed(3, kind="gap"), "a gap says what is lost|a gap has no"),
        (changed(3, kind="heartbeat"), "an empty range"),
        (changed(2, recordsRoot="sha256:" + "0" * 64), "a gap has no recordsRoot"),
        (changed(2, losses=[]), "a gap says what is lost"),
        (changed(4, maskingPolicy="sha256:" + "0" * 64), "a heartbeat has no maskingPolicy"),
        (changed(4, files=json.loads(golden(3))["files"]), "a heartbeat has no files"),
        (changed_file(rows=0), "has no rows|rows of the files"),
        (changed_file(bytes=0), "has no bytes"),
        (changed_file(path="log/platform/../x"), "not one of the log"),
        (changed_file(path="_audit/streams/platform.json"), "not one of the log"),
        (changed_file(format="ndjson"), "are not those of its name"),
        (changed_file(compression="gzip"), "are not those of its name"),
        (changed_file(sha256="0" * 64), "not that of its name"),
        (changed_file(sha256="x"), "not 64 hex digits"),
        (changed_file(minTimestamp="2026-11-21T18:07:59.000000000Z"), "are not an interval"),
        (changed(3, files=json.loads(golden(3))["files"] * 2, lastSequence=716), "listed twice"),
        (changed(3, files=json.loads(golden(1))["files"], lastSequence=1425), "belongs to another commit"),
    ],
)
def test_what_breaks_a_rule_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason) as caught:
        parse(content, path=path_of(3))
    assert caught.value.path == path_of(3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"opens": ...}, "first manifest has opens"),
        ({"previous": "sha256:" + "0" * 64}, "first manifest has no previous"),
        ({"firstSequence": 2}, "first sequence is 1"),
    ],
)
def test_the_first_manifest_is_like_no_other(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        parse(changed(1, **changes), path=path_of(1))


def test_a_manifest_elsewhere_is_refused() -> None:
    with pytest.raises(IntegrityError, match=f"the manifest of {path_of(3)} lies here"):
        parse(golden(3), path=path_of(4))


def test_what_breaks_a_rule_is_not_written() -> None:
    manifest = msgspec.structs.replace(parse(golden(3), path=path_of(3)), last_sequence=800)
    with pytest.raises(ValueError, match="rows of the files"):
        serialise(manifest)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DIGEST = st.binary(min_size=32, max_size=32).map(bytes.hex)
TIME = st.integers(-(10**18), 9 * 10**18)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    digest, times = draw(DIGEST), sorted(draw(st.tuples(TIME, TIME)))
    commit = draw(st.integers(1, 10**10 - 1))
    first = 1 if commit == 1 else draw(st.integers(1, 2**52))
    rows = draw(st.integers(1, 10**6))
    entry = ManifestEntry(
        path=f"log/model-io/date=2026-11-21/hour=18/{WRITER}-{commit:010d}-0-{digest[:12]}.ndjson.gz",
        format="ndjson",
        compression="gzip",
        rows=rows,
        bytes=draw(st.integers(1, 2**50)),
        sha256=digest,
        min_timestamp=timestamp(times[0]),
        max_timestamp=timestamp(times[1]),
    )
    opening = Opening(
        host=draw(TEXT),
        service=draw(TEXT),
        versions=draw(st.dictionaries(st.text("ab-_Z.", min_size=1), TEXT)),
        delivery="strict",
        config_fingerprint=f"sha256:{digest}",
        predecessor=draw(st.none() | TEXT),
        fork_of=draw(st.none() | TEXT),
    )
    loss = Loss(
        cause=draw(TEXT), count=draw(st.none() | st.integers(1, 99)), from_=timestamp(0), to=timestamp(1)
    )
    return Manifest(
        kind="commit",
        writer=WRITER,
        commit=commit,
        previous=None if commit == 1 else f"sha256:{digest}",
        stream="model-io",
        first_sequence=first,
        last_sequence=first + rows - 1,
        records_root=f"sha256:{digest}",
        schema_version="1.0",
        masking_policy=f"sha256:{digest}",
        files=(entry,),
        losses=draw(st.sampled_from([(), (loss,)])),
        created_at=timestamp(draw(TIME)),
        opens=opening if commit == 1 else None,
        closes=draw(st.booleans()),
    )


@settings(deadline=None)
@given(manifests())
def test_any_manifest_comes_back_and_is_canonical(manifest: Manifest) -> None:
    content = serialise(manifest)
    assert parse(content, path=manifest.path) == manifest
    assert rfc8785.dumps(json.loads(content)) == content
    assert fingerprint(content) == f"sha256:{hashlib.sha256(content).hexdigest()}"


@settings(deadline=None)
@given(TIME)
def test_times_come_back_to_the_nanosecond(moment: int) -> None:
    assert unix_nano(timestamp(moment)) == moment


@settings(deadline=None)
@given(TIME, TIME)
def test_texts_of_times_sort_as_times(one: int, other: int) -> None:
    assert (timestamp(one) < timestamp(other)) == (one < other)


_THREADS = """
import importlib, sys, threading
from otel_audit.seal import manifest
content, path = bytes.fromhex(sys.argv[1]), sys.argv[2]
sys.setswitchinterval(1e-6)
for turn in range(100):
    fresh, go = importlib.reload(manifest), threading.Event()
    def run(pause):
        go.wait()
        for _ in range(pause): pass
        fresh.parse(content, path=path)
    threads = [threading.Thread(target=run, args=(number * turn % 250,)) for number in range(6)]
    for thread in threads: thread.start()
    go.set()
    for thread in threads: thread.join()
print("lives")
"""


def test_threads_that_read_the_first_manifests_at_once() -> None:
    arguments = [golden(1).hex(), path_of(1)]
    done = subprocess.run(
        [sys.executable, "-c", _THREADS, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "lives\n"), done.stderr
