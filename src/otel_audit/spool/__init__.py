"""Masked records made durable on local disk, numbered, and kept until every destination has them.

One process holds one *slot* of the spool at a time. In it, each stream has a *writer* that numbers records
from 1 without gaps and appends them to *segments*; each destination has an *outbox* that turns every sealed
segment into one *commit*. Whatever a crash leaves, the next holder of the slot goes on with: restarting and
adopting a dead process's spool are the same code.

The write path on top of it::

    slot = Slot.acquire(root, "shop-assistant", SpoolOptions())
    writer = slot.writer("platform", destinations=["local-5f2c91ab"], opens={"host": ..., "service": ...})

    numbered = writer.append(masked)      # Range(writer, first, last); not durable yet
    writer.sync()                         # durable now; threads that wait together share one fdatasync
    if writer.pending is not None and writer.pending.age_s > 60:
        writer.rotate()                   # seals the open segment

    outbox = slot.outbox("local-5f2c91ab")
    for draft in outbox.drafts():         # every sealed segment without a plan here, in order
        for batch in draft.batches():     # NumberedBatch(records with writer and sequence, record_hashes)
            ...
        with draft.create_file("00.parquet") as sink:
            ...                           # encode
        draft.plan([PlannedFile(path=..., local="00.parquet", ...)], records_root=..., ...)

    for commit in outbox.commits():       # every plan whose manifest is not out yet, in order
        for file in commit.files:
            try:
                store.create(file.path, commit.local_path(file), sha256=file.sha256)
            except Conflict:              # a corrupted upload keeps its name; ours goes beside it
                commit.replace_path(file, beside(file.path))
                ...
        if commit.manifest is None:       # written once, then the same bytes for ever
            commit.write_manifest(serialise(Manifest(previous=commit.previous, ...)))
        store.create(manifest_path, commit.manifest, sha256=...)
        commit.done()                     # marked, freed

    slot.close()

What cannot be committed where it is goes to a writer of its own by ``slot.moves``; what others left is found with
``slot.acquire_left``; and :mod:`otel_audit.spool.inventory` reads from outside what waits.

``drafts`` plans by itself what needs no encoding: a gap in the sequences (a part of a segment that could not
be read back) and the close of a writer. Both come out of ``commits`` as commits without files.

``format.md`` has the layout of the folder and the order of steps.
"""

from otel_audit.spool.budget import Usage
from otel_audit.spool.commit import Commit
from otel_audit.spool.draft import Draft
from otel_audit.spool.files import Files
from otel_audit.spool.frame import NumberedBatch
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.outbox import Backlog, Outbox
from otel_audit.spool.plan import Loss, Plan, PlannedFile
from otel_audit.spool.positions import Pending, Range
from otel_audit.spool.receipt_log import Receipted, ReceiptLog
from otel_audit.spool.scan import Corruption
from otel_audit.spool.seen_log import Seen, SeenLog
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.slot import Slot
from otel_audit.spool.upkeep import give_up_oldest, plan_heartbeats
from otel_audit.spool.writer import StreamWriter

__all__ = [
    "Backlog",
    "Commit",
    "Corruption",
    "Draft",
    "Files",
    "Loss",
    "NumberedBatch",
    "Outbox",
    "Pending",
    "Plan",
    "PlannedFile",
    "Range",
    "ReceiptLog",
    "Receipted",
    "SealedSegment",
    "Seen",
    "SeenLog",
    "Slot",
    "SpoolOptions",
    "StreamWriter",
    "Usage",
    "give_up_oldest",
    "plan_heartbeats",
]
