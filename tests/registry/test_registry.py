"""The registry at its destination: a chain of create-only versions, on every kind of store."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_audit.errors import Blocked, InputError, IntegrityError
from otel_audit.mask.tags import ModelTag
from otel_audit.registry.changes import deploy, register, set_pii
from otel_audit.registry.registry import Decision, Registry
from otel_audit.registry.state import RegistryState
from otel_audit.registry.versions import Actor, Change, RegistryVersion
from otel_audit.store.base import Store
from otel_audit.store.open import open_store

ACTOR = Actor("u8472")
CHURN = "/v1/models/churn:predict"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = str(tmp_path / "log") if request.param == "file" else f"memory://models-{uuid.uuid4().hex[:8]}"
    opened = open_store(url)
    yield opened
    opened.close()


def make(store: Store, *decisions: Decision) -> RegistryState:
    registry = Registry(store)
    state = RegistryState()
    for decision in decisions:
        state = registry.change(decision, ACTOR).after
    return state


def tags(state: RegistryState) -> set[tuple[str, str | None, str | None, bool]]:
    return {(tag.name, tag.version, tag.endpoint, tag.pii) for tag in state.tags()}


def test_versions_are_numbered_chained_and_canonical(store: Store) -> None:
    make(store, register("churn", "3", CHURN), set_pii("churn", "3", True), deploy("churn", "3"))
    contents = [store.read(info.path) for info in store.list("_audit/models/")]
    paths = [info.path for info in store.list("_audit/models/")]
    assert paths == [f"_audit/models/{number:010d}.json" for number in (1, 2, 3)]
    documents = [json.loads(content) for content in contents]
    assert [document["change"] for document in documents] == ["register", "set-pii", "deploy"]
    assert "previous" not in documents[0]
    for before, document in zip(contents, documents[1:], strict=False):
        assert document["previous"] == f"sha256:{hashlib.sha256(before).hexdigest()}"
    for content, document in zip(contents, documents, strict=True):
        assert (
            json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            == content.decode()
        )
    assert documents[1]["actor"] == {"id": "u8472", "type": "user"}
    assert documents[1]["model"] == {"name": "churn", "version": "3", "endpoint": CHURN, "pii": True}


def test_on_clouds(cloud: object) -> None:
    store = open_store(cloud.url)  # type: ignore[attr-defined]
    try:
        state = make(store, register("churn", "3", CHURN), set_pii("churn", None, True))
        assert tags(Registry(store).read()) == tags(state) == {("churn", "3", CHURN, True)}
        Registry(store).check_whole()
    finally:
        store.close()


def test_an_endpoint_keeps_the_tag_that_it_was_deployed_with(store: Store) -> None:
    state = make(store, register("churn", "3", CHURN), deploy("churn", "3"), set_pii("churn", "3", True))
    assert tags(state) == {("churn", "3", CHURN, False)}
    assert tags(make(store, deploy("churn", "3"))) == {("churn", "3", CHURN, True)}
    assert tags(make(store, set_pii("churn", "3", False))) == {("churn", "3", CHURN, True)}
    # Another version takes the endpoint over when it is deployed, not before.
    state = make(store, register("churn", "4", CHURN))
    assert tags(state) == {("churn", "3", CHURN, True), ("churn", "4", None, False)}
    state = make(store, deploy("churn", "4"))
    assert tags(state) == {("churn", "4", CHURN, False), ("churn", "3", None, False)}


def test_what_was_never_deployed_follows_its_registration(store: Store) -> None:
    assert tags(make(store, register("churn", None, CHURN), set_pii("churn", None, True))) == {
        ("churn", None, CHURN, True)
    }


def test_a_new_version_begins_with_the_tag_of_the_last(store: Store) -> None:
    make(store, register("churn", "3", CHURN), set_pii("churn", "3", True))
    assert make(store, register("churn", "4", CHURN)).models["churn", "4"].pii
    assert not make(store, register("churn", "5", CHURN, pii=False)).models["churn", "5"].pii


def test_what_changes_nothing_makes_no_version(store: Store) -> None:
    steps = (register("churn", "3", CHURN), set_pii("churn", "3", True), deploy("churn", "3"))
    assert make(store, *steps, *steps).number == 3


def test_whoever_loses_a_race_tries_the_next_number(store: Store) -> None:
    start, made = threading.Barrier(4), []

    def run(writer: int) -> None:
        registry = Registry(store)
        start.wait()
        for number in range(5):
            made.append(registry.change(register(f"m{writer}-{number}", None, None), ACTOR).version)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(version.number for version in made if isinstance(version, RegistryVersion)) == list(
        range(1, 21)
    )
    assert len(Registry(store).read().models) == 20
    Registry(store).check_whole()


def test_reading_goes_on_from_what_is_known(store: Store) -> None:
    first = make(store, register("a", None, None))
    make(store, register("b", None, None))
    assert Registry(store, first).read() == Registry(store).read()


def test_a_changed_version_and_a_hole_are_found(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "log"))
    make(store, register("a", None, None), set_pii("a", None, True), register("b", None, None))
    folder = tmp_path / "log" / "_audit" / "models"
    second = folder / "0000000002.json"
    genuine = second.read_bytes()
    second.chmod(0o600)
    second.write_bytes(genuine.replace(b'"pii":true', b'"pii":false'))
    with pytest.raises(IntegrityError, match=r"0000000003\.json: does not follow"):
        Registry(store).read()
    for content in (b"", b"{}", b"[1]", genuine.replace(b'"registryVersion":1', b'"registryVersion":2')):
        second.write_bytes(content)
        with pytest.raises(IntegrityError, match=r"0000000002\.json"):
            Registry(store).read()
    second.unlink()
    assert Registry(store).read().number == 1
    with pytest.raises(IntegrityError, match="missing"):
        Registry(store).check_whole()


@pytest.mark.parametrize(
    "decision",
    [
        register("", None, None),
        register("a\nb", None, None),
        register("x" * 257, None, None),
        register("a", "", None),
        register("a", None, "/\ud800"),
    ],
)
def test_names_are_checked_before_anything_is_written(store: Store, decision: Decision) -> None:
    with pytest.raises(InputError):
        Registry(store).change(decision, ACTOR)
    assert list(store.list("")) == []


def test_a_model_has_to_be_meant_clearly(store: Store) -> None:
    with pytest.raises(InputError, match="no such model"):
        make(store, set_pii("churn", None, True))
    make(store, register("churn", "3", None), register("churn", "4", None))
    with pytest.raises(InputError, match="2 versions are registered"):
        make(store, deploy("churn", None))
    with pytest.raises(InputError, match="no such version"):
        make(store, deploy("churn", "5"))


class _MayNotList:
    """S3 to somebody who may not list: 403 for what is not there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, path: str) -> bytes:
        try:
            return self._store.read(path)
        except Exception as error:
            raise Blocked("http-403", path=path) from error


def test_without_permission_to_list(store: Store) -> None:
    known = make(store, register("a", None, None))
    reader: Store = _MayNotList(store)  # type: ignore[assignment]
    assert Registry(reader).read() == known
    with pytest.raises(Blocked):
        Registry(reader, known).read()


def test_deploying_says_what_was_and_what_is(store: Store) -> None:
    _, state, version = Registry(store).change(register("a", None, "/a", pii=True), ACTOR)
    assert version is not None
    assert version.change is Change.REGISTER
    assert state.tags() == (ModelTag("a", None, "/a", True),)
