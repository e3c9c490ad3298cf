"""The last steps of the path, for one destination: create the objects, create the manifest.

Each step can be taken up again after a crash; ``docs/format.md`` numbers them. Two more objects are made before
the first commit that needs them: the marker that says which format a table has, and the masking policy that
manifests name by its fingerprint.

Encoding needs no network. So a plan names the table that was right the last time; whether it is, the marker says
when the commit is carried out, and the paths of the plan follow it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from otel_audit.encode.options import EncodeOptions
from otel_audit.errors import Conflict, Refused, Retry
from otel_audit.mask.policy import MaskPolicy
from otel_audit.pipeline.cloning import Clones
from otel_audit.pipeline.encoding import encode
from otel_audit.pipeline.metrics import count_committed
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.pipeline.refusals import Refusals
from otel_audit.pipeline.sealing import manifest_of
from otel_audit.pipeline.tables import Tables, beside, in_table
from otel_audit.seal.manifest import serialise
from otel_audit.spool import Commit, PlannedFile, Slot, give_up_oldest
from otel_audit.store.base import Store
from otel_audit.store.layout import ManifestFile, PolicyFile
from otel_audit.store.names import WriterName
from otel_audit.store.open import open_store
from otel_audit.store.url import parse_url

_log = logging.getLogger(__name__)

_REVISIONS: Final = 99
"""Corrupted uploads of one file that are stepped around before somebody has to look."""


class Destination:
    """One place where streams are written, and the steps that bring commits there.

    One thread encodes while another carries out commits.

    Args:
        url: folder or URL.
        formats: how the files of each stream are written here.
        policy: the masking policy in force, to be kept beside the records.
        bounds: streams whose records do not wait here for ever, each with the bytes that may.
        options: when a refusal is final.
        lose: told of records that were given up: cause, count, URL of the destination.

    Attributes:
        clones: writers of which a copy turned out to go on elsewhere.
    """

    def __init__(
        self,
        url: str,
        formats: Mapping[str, EncodeOptions],
        policy: MaskPolicy,
        *,
        bounds: Mapping[str, int] | None = None,
        options: ShippingOptions | None = None,
        lose: Callable[[str, int, str], None] = lambda cause, count, url: None,
    ) -> None:
        self._where = parse_url(url)
        self.url = str(self._where)
        self.id = destination_id(url)
        self._formats, self._policy = formats, policy
        self._bounds, self._lose = bounds or {}, lose
        self._refusals = Refusals(options or ShippingOptions())
        self._store: Store | None = None
        self._tables = Tables(self._store_now)
        self.clones = Clones(self.id, self._store_now)
        self._policies: set[str] = set()
        self._is_closed = False

    @property
    def is_required(self) -> bool:
        """Whether some stream's records wait for it, however long."""
        return not self._formats.keys() <= self._bounds.keys()

    def encode(self, slot: Slot) -> int:
        """Plan everything that is sealed. Returns how many commits were planned.

        Raises:
            SpoolError: the disk refused; calling again takes it up where it stopped.
        """
        planned = 0
        for draft in slot.outbox(self.id).drafts():
            # A stream may have been written here under other settings.
            form = self._formats.get(draft.stream, _AS_BEFORE)
            encode(draft, form, self._tables.likely(draft.stream, form.format))
            planned += 1
        return planned

    def keep_bounds(self, slot: Slot) -> None:
        """Give up the oldest commits of streams that do not wait for this destination and are over their bound.

        Raises:
            SpoolError: the disk refused.
        """
        for stream, max_bytes in self._bounds.items():
            records = give_up_oldest(slot.outbox(self.id), stream, max_bytes)
            if records:
                _log.error("%d audit records were given up for %s: it was away too long", records, self.url)
                self._lose("outbox-full", records, self.url)

    def commit(self, slot: Slot) -> int:
        """Carry out everything that is planned. Returns how many commits were made.

        Raises:
            StoreError: a step did not go through; calling again takes it up where it stopped. After a refusal
                the commits of other writers were carried out.
            SpoolError: the disk refused, likewise.
        """
        made = 0
        refusal: Refused | None = None
        for commit in slot.outbox(self.id).commits():
            if self.clones.is_contested(commit.plan.writer):
                continue
            self._keep_policy(slot, commit.plan.masking_policy)
            try:
                self._carry_out(commit)
            except Refused as error:
                refusal = error
            else:
                made += 1
        if refusal is not None:
            raise refusal
        if self.clones.has_contests:
            raise Conflict("a copy of a writer goes on with its chain")
        return made

    def close(self) -> None:
        """Give back connections; calls under way end, and none is begun any more."""
        self._is_closed = True
        if self._store is not None:
            self._store.close()

    def _carry_out(self, commit: Commit) -> None:
        """Steps 4 to 6: the objects, then the manifest."""
        began = time.monotonic()
        if not commit.is_refused:
            try:
                self._create_objects(commit)
            except Refused as error:
                place = commit.plan.writer, commit.plan.commit
                is_data = error.path.startswith("log/")
                if not (is_data and self._refusals.is_final(self._store_now(), *place)):
                    raise
                commit.is_refused = True
        if commit.is_refused:
            _log.error("%s refuses %s for good; it is in quarantine", self.url, commit)
            commit = commit.refuse()
            self._lose("refused", commit.plan.records, self.url)
        if commit.manifest is None:
            commit.write_manifest(serialise(manifest_of(commit)))
        content = commit.manifest
        assert content is not None  # noqa: S101  written above
        path = ManifestFile(WriterName.parse(commit.plan.writer), commit.plan.commit).path
        try:
            self._store_now().create(path, content, sha256=hashlib.sha256(content).hexdigest())
        except Conflict:
            self.clones.compare(commit, content, path=path)
        commit.done()
        rows = sum(file.rows for file in commit.plan.files)
        count_committed(commit.plan.stream, self._where.scheme.value, rows, time.monotonic() - began)
        self._refusals.forget(commit.plan.writer, commit.plan.commit)

    def _create_objects(self, commit: Commit) -> None:
        for file in commit.files:
            if commit.manifest is None:
                path = in_table(file.path, self._tables.settle(commit.plan.stream, file.format))
                file = file if path == file.path else commit.replace_path(file, path)  # noqa: PLW2901
            self._create(commit, file)

    def _create(self, commit: Commit, file: PlannedFile) -> None:
        """Create one data object; beside a corrupted upload if one is in its place."""
        for _ in range(_REVISIONS):
            try:
                self._store_now().create(file.path, commit.local_path(file), sha256=file.sha256)
            except Conflict:
                _log.error("an object of another content is in the place of a file; writing beside it")
                file = commit.replace_path(file, beside(file.path))
            else:
                return
        raise Conflict("every revision of a file is taken", path=file.path)

    def _keep_policy(self, slot: Slot, fingerprint: str | None) -> None:
        """Put the policy that a manifest names beside the records, once.

        Records do not wait for a policy that is lost or whose place is taken: readers and ``otel-audit doctor`` tell.
        """
        if fingerprint is None or fingerprint in self._policies:
            return
        ours = fingerprint == self._policy.fingerprint
        content = self._policy.content if ours else slot.bequest.policy(fingerprint)
        path = PolicyFile(fingerprint.removeprefix("sha256:")).path
        if content is None:
            _log.error("the masking policy of some records was lost with the spool: %s is not written", path)
        else:
            try:
                self._store_now().create(path, content, sha256=hashlib.sha256(content).hexdigest())
            except Conflict:
                _log.error("another object is in the place of the masking policy %s", path)
        self._policies.add(fingerprint)

    def _store_now(self) -> Store:
        # The client is loaded at the first upload, in the uploader's thread: it brings ssl and half a second.
        if self._is_closed:
            raise Retry("closed")
        if self._store is None:
            self._store = open_store(self._where)
        return self._store


_AS_BEFORE: Final = EncodeOptions()


def destination_id(url: str) -> str:
    """The name of a destination's outbox: the same for the same place, and safe in a path."""
    where = parse_url(url)
    return f"{where.scheme.value}-{hashlib.sha256(str(where).encode()).hexdigest()[:16]}"
