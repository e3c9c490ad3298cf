"""Data files that no commit lists and none will."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from otel_audit.cli.advice import advice
from otel_audit.cli.doctor.finding import Finding
from otel_audit.cli.progress import working
from otel_audit.errors import AuditError, StoreError
from otel_audit.query.orphans import find_orphans
from otel_audit.store.open import open_store

_HOUR_S = 3600


def findings(places: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Look for them at each destination: reads every manifest.

    Args:
        places: destination → the streams that are written there.
    """
    for url in places:
        try:
            with closing(open_store(url)) as store, working(f"reading the manifests of {url}"):
                found = list(find_orphans(store))
        except StoreError as error:
            yield Finding("problem", f"{url}: {advice(error)}")
            continue
        except AuditError as error:
            yield Finding("problem", f"{url}: {error}")
            continue
        for orphan in found:
            age = f"{orphan.age_s / _HOUR_S:,.0f} h old"
            yield Finding("warning", f"{orphan.path}: {orphan.size:,} bytes, {age}; {orphan.reason}")
        if not found:
            yield Finding("ok", f"{url}: every file older than a day is in a commit")
