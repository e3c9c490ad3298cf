"""The masking policies beside a log: found by fingerprint, and never another one in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_audit.errors import InputError, IntegrityError
from otel_audit.query.catalog import Catalog
from otel_audit.query.findings import Findings
from otel_audit.query.policies import PolicyReader, kept_policies
from otel_audit.query.request import Query
from otel_audit.query.scan import scan
from otel_audit.seal.manifest import parse
from otel_audit.store.base import Store
from otel_audit.store.layout import PolicyFile
from otel_audit.store.open import open_store
from query.written_log import POLICY, POLICY_CONTENT, LogWriter, create, record

DIGITS = POLICY.removeprefix("sha256:")
PATH = PolicyFile(DIGITS).path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def writer(store: Store) -> LogWriter:
    writer = LogWriter(store)
    writer.commit([record()])
    writer.commit([record(spanName="second")])
    return writer


def _rows(store: Store, findings: Findings) -> int:
    return sum(table.num_rows for table in scan([Catalog(store, findings)], Query(), findings))


@pytest.mark.parametrize("given", [POLICY, DIGITS, DIGITS[:8], f"{POLICY[:15]}…"])
def test_a_policy_is_found_by_its_fingerprint_or_its_first_digits(store, writer, given) -> None:
    reader = PolicyReader(store)
    assert reader.find(given) == POLICY
    assert reader.read(reader.find(given)) == POLICY_CONTENT


@pytest.mark.parametrize(
    ("given", "said"),
    [("abc", "fingerprint is"), ("../..", "fingerprint is"), ("0" * 64, "no policy begins"), ("aaaa", "2 policies")],
)  # fmt: skip
def test_what_names_no_policy_is_said(store, given, said) -> None:
    for last in "bc":
        create(store, PolicyFile("a" * 63 + last).path, b"{}")
    with pytest.raises(InputError, match=said):
        PolicyReader(store).find(given)


def test_another_policy_in_its_place_is_a_broken_promise(store, writer, tmp_path) -> None:
    (tmp_path / PATH).write_bytes(POLICY_CONTENT.replace(b'"keep"', b'"hash"'))
    with pytest.raises(IntegrityError, match=r"not its name"):
        _rows(store, Findings())
    told: list[str] = []
    assert _rows(store, Findings(keep_going=True, on_problem=told.append)) == 2
    assert [PATH in one for one in told] == [True]


def test_a_policy_that_is_missing_is_worth_a_word(store, writer, tmp_path) -> None:
    (tmp_path / PATH).unlink()
    told: list[str] = []
    assert _rows(store, Findings(on_warning=told.append)) == 2
    assert [PATH in one for one in told] == [True]


@pytest.mark.parametrize("state", ["ok", "missing", "changed"])
def test_how_it_stands_with_each(store, writer, tmp_path, state) -> None:
    if state == "missing":
        (tmp_path / PATH).unlink()
    elif state == "changed":
        (tmp_path / PATH).write_bytes(b"{}")
    manifests = [parse(store.read(path), path=path) for path in map(writer.manifest_path, (1, 2))]
    (kept,) = kept_policies(store, manifests)
    assert (kept.fingerprint, kept.state, kept.commits, kept.path) == (POLICY, state, 2, PATH)
