"""The manifests of a destination, many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from otel_audit.errors import Blocked, InputError, IntegrityError, Missing
from otel_audit.query.findings import Findings
from otel_audit.query.policies import PolicyReader
from otel_audit.seal.manifest import Manifest, parse
from otel_audit.store.base import Store
from otel_audit.store.layout import ManifestFile

_THREADS: Final = 16
"""Small reads from a bucket spend their time waiting."""


class ManifestReader:
    """Reads manifests of one destination.

    Args:
        store: the destination.
        findings: takes manifests that cannot be read, and goes on without them if it may.
        policies: whether to look after the masking policies that they name, too.
    """

    def __init__(self, store: Store, findings: Findings, *, policies: bool = False) -> None:
        self._store, self._findings = store, findings
        self._policies = PolicyReader(store) if policies else None
        self._known_policies: set[str] = set()

    def read(self, wanted: Iterable[ManifestFile]) -> dict[ManifestFile, Manifest]:
        """The manifests that are there.

        Raises:
            IntegrityError: one is damaged, or of a version that this reader does not know; or the policy that one
                names is another one.
            StoreError: the destination cannot be read.
        """
        ordered = sorted(wanted)
        with ThreadPoolExecutor(min(_THREADS, len(ordered)) or 1) as pool:
            answers = list(zip(ordered, pool.map(self._read, ordered), strict=True))
        found: dict[ManifestFile, Manifest] = {}
        for file, answer in answers:
            if isinstance(answer, IntegrityError):
                self._findings.problem(answer)
            elif answer is not None:
                found[file] = answer
        self._look_after_policies(found.values())
        return found

    def _look_after_policies(self, manifests: Iterable[Manifest]) -> None:
        if self._policies is None:
            return
        named = {manifest.masking_policy for manifest in manifests if manifest.masking_policy is not None}
        for fingerprint in sorted(named - self._known_policies):
            try:
                self._policies.read(fingerprint)
            except IntegrityError as error:
                self._findings.problem(error)
            except Missing as error:
                self._findings.warn(
                    f"{error.path} is missing: the masking policy that records were masked by"
                )
            except Blocked as error:
                self._findings.warn(
                    f"{error.path} cannot be read ({error.cause}): nobody looked at the policy"
                )
        self._known_policies |= named

    def _read(self, file: ManifestFile) -> Manifest | IntegrityError | None:
        try:
            return parse(self._store.read(file.path), path=file.path)
        except Missing:
            return None
        except IntegrityError as error:
            return error
        except InputError as error:
            return IntegrityError(error.reason, path=file.path)
