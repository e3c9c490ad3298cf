"""The masking policies beside a log: what its records were masked by.

A policy is a JSON text, ``_audit/policies/<fingerprint>.json``, whose SHA-256 is its fingerprint: the one that
``masking.policy`` of a record and ``maskingPolicy`` of a manifest name. Nobody can change one and go unseen.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from otel_audit.errors import InputError, IntegrityError, Missing
from otel_audit.store.base import Store
from otel_audit.store.layout import PolicyFile, parse

if TYPE_CHECKING:
    from otel_audit.seal.manifest import Manifest

__all__ = ["POLICIES_PREFIX", "KeptPolicy", "PolicyReader", "kept_policies"]

POLICIES_PREFIX: Final = "_audit/policies/"

_LEAST_DIGITS: Final = 4
"""Of a fingerprint that is not given whole: fewer name a policy by chance."""

_PREFIX: Final = re.compile(rf"[0-9a-f]{{{_LEAST_DIGITS},64}}")


class PolicyReader:
    """Reads policies of one destination.

    Args:
        store: the destination.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, fingerprint: str) -> bytes:
        """The policy of a fingerprint, which it has been checked against.

        Args:
            fingerprint: ``sha256:<hex>``.

        Raises:
            IntegrityError: what stands in its place is another one.
            Missing: nothing does.
            StoreError: the destination cannot be read.
        """
        file = PolicyFile(fingerprint.removeprefix("sha256:"))
        content = self._store.read(file.path)
        if hashlib.sha256(content).hexdigest() != file.fingerprint:
            raise IntegrityError(
                "its SHA-256 is not its name: this is not the policy of its records", path=file.path
            )
        return content

    def find(self, beginning: str) -> str:
        """The whole fingerprint of which this is the beginning, as people copy it: ``sha256:4c1d…``.

        Raises:
            InputError: it is no fingerprint, or there is no policy, or more than one, whose name begins with it.
            StoreError: the destination cannot be listed.
        """
        digits = beginning.removeprefix("sha256:").rstrip("…")
        if not _PREFIX.fullmatch(digits):
            raise InputError(f"a fingerprint is sha256:<64 hex digits>, of which {_LEAST_DIGITS} are enough")
        found = [file.fingerprint for file in self.files() if file.fingerprint.startswith(digits)]
        if len(found) == 1:
            return f"sha256:{found[0]}"
        if found:
            raise InputError(f"{len(found)} policies begin with {digits}: give more digits")
        raise InputError(f"no policy begins with {digits} at {self._store.url}")

    def files(self) -> list[PolicyFile]:
        """Every policy that is there, by fingerprint. Raises StoreError."""
        found = []
        for info in self._store.list(POLICIES_PREFIX):
            try:
                place = parse(info.path)
            except InputError:
                continue
            if isinstance(place, PolicyFile):
                found.append(place)
        return sorted(found, key=lambda file: file.fingerprint)


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """How it stands with one policy.

    Attributes:
        fingerprint: ``sha256:<hex>``.
        state: ``changed`` where its place holds something else.
        commits: manifests that name it, of those looked at.
    """

    fingerprint: str
    state: Literal["ok", "missing", "changed"]
    commits: int

    @property
    def path(self) -> str:
        """Relative to the destination."""
        return PolicyFile(self.fingerprint.removeprefix("sha256:")).path


def kept_policies(store: Store, manifests: Iterable[Manifest]) -> list[KeptPolicy]:
    """Look at every policy that is there and every one that a manifest names.

    Args:
        store: the destination.
        manifests: of it.

    Returns:
        By fingerprint.

    Raises:
        StoreError: the destination cannot be listed or read.
    """
    named = Counter(one.masking_policy for one in manifests if one.masking_policy is not None)
    reader = PolicyReader(store)
    there = {f"sha256:{file.fingerprint}" for file in reader.files()}
    return [
        KeptPolicy(fingerprint, _state(reader, fingerprint), named[fingerprint])
        for fingerprint in sorted(there | named.keys())
    ]


def _state(reader: PolicyReader, fingerprint: str) -> Literal["ok", "missing", "changed"]:
    try:
        reader.read(fingerprint)
    except Missing:
        return "missing"
    except IntegrityError:
        return "changed"
    return "ok"
