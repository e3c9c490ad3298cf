"""Whether the destinations take objects, and whether they would let go of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from otel_audit.cli.advice import advice
from otel_audit.cli.doctor.finding import Finding
from otel_audit.errors import AuditError, StoreError
from otel_audit.store.open import open_store
from otel_audit.store.probing import Prober, probe
from otel_audit.store.url import Scheme, parse_url


def findings(places: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Try each destination.

    Args:
        places: destination → the streams that are written there.
    """
    for url, streams in places.items():
        where = f"{url} ({', '.join(streams)})"
        try:
            store = open_store(url)
        except AuditError as error:
            yield Finding("problem", f"{where}: {error}")
            continue
        try:
            yield from _tried(store, where)
        finally:
            store.close()
        if parse_url(url).scheme is Scheme.MEMORY:
            yield Finding("warning", f"{url} is gone when the process ends")


def _tried(store: Prober, where: str) -> Iterator[Finding]:
    began = time.perf_counter()
    try:
        permissions = probe(store)
    except StoreError as error:
        yield Finding("problem", f"{where}: {advice(error)}")
        return
    except AuditError as error:
        yield Finding("problem", f"{where}: {error}")
        return
    elapsed_ms = (time.perf_counter() - began) * 1000
    yield Finding("ok", f"{where}: created and read {permissions.probe}; the probe took {elapsed_ms:.0f} ms")
    allowed = [
        verb
        for verb, possible in (("overwrite", permissions.overwrites), ("delete", permissions.deletes))
        if possible
    ]
    if allowed:
        yield Finding(
            "warning",
            f"{where}: this identity may {' and '.join(allowed)} objects; whoever takes it over can change "
            "the log. Grant create and read only, or set a retention policy",
        )
    else:
        yield Finding("ok", f"{where}: objects can be neither overwritten nor deleted by this identity")
    try:
        next(store.list("_audit/manifests/"), None)
    except StoreError as error:
        yield Finding("note", f"{where}: cannot list ({error.cause}): enough to write, not to query")
