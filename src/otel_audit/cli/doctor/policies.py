"""Whether the masking policies that records name stand beside them, unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final

from otel_audit.cli.advice import advice
from otel_audit.cli.doctor.finding import Finding
from otel_audit.cli.progress import working
from otel_audit.config import Settings
from otel_audit.config.build import mask_policy
from otel_audit.errors import AuditError, InputError, StoreError
from otel_audit.query.findings import Findings
from otel_audit.query.manifests import ManifestReader
from otel_audit.query.policies import kept_policies
from otel_audit.store.base import Store
from otel_audit.store.layout import ManifestFile, manifests_prefix, parse
from otel_audit.store.open import open_store

_MOST: Final = 1_000
"""Manifests that are read, the newest: a policy lasts for many."""


def findings(settings: Settings, places: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Look at each destination.

    Args:
        settings: in force.
        places: destination → the streams that are written there.
    """
    try:
        yield Finding("note", f"the policy in force is {mask_policy(settings).fingerprint}")
    except AuditError as error:
        yield Finding("problem", f"the settings make no policy: {error}")
    for url in places:
        try:
            with closing(open_store(url)) as store, working(f"reading the policies of {url}"):
                yield from _of(store, url)
        except StoreError as error:
            yield Finding("warning", f"{url}: nobody can look at the policies: {advice(error)}")
        except AuditError as error:
            yield Finding("problem", f"{url}: {error}")


def _of(store: Store, url: str) -> Iterator[Finding]:
    reader = ManifestReader(store, Findings(keep_going=True))
    kept = kept_policies(store, reader.read(_newest(store)).values())
    for policy in kept:
        by = f"{policy.commits:,} of the newest commits name it"
        match policy.state:
            case "missing":
                yield Finding("problem", f"{url}: {policy.path} is missing, and {by}")
            case "changed":
                yield Finding(
                    "problem", f"{url}: {policy.path} was changed: its SHA-256 is not its name, and {by}"
                )
            case "ok":
                yield Finding("ok", f"{url}: {policy.path} is what its name says; {by}")
    if not kept:
        yield Finding("note", f"{url}: no record was written yet, so there is no policy")


def _newest(store: Store) -> list[ManifestFile]:
    found = []
    for info in store.list(manifests_prefix()):
        try:
            place = parse(info.path)
        except InputError:
            continue
        if isinstance(place, ManifestFile):
            found.append((info.path, place))
    return [place for _, place in sorted(found, key=lambda pair: pair[0])[-_MOST:]]
