"""Names of the draft: its endpoint, its attributes, and the words of its answers.

Draft of the audit signal (OTEP 0267), ``specification/audit/data-model.md`` and ``collector.md``. Attributes that
conversion maps to fields are in ``convert/audit.py``.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = [
    "ALGORITHM", "CANONICALIZATION", "CERTIFICATE", "INTEGRITY", "JCS", "PATH", "PREVIOUS_HASH", "PRODUCER", "PROOF",
    "SEQUENCE_NUMBER", "SIGNER", "STREAM_ID", "Status", "VerifyStatus",
]  # fmt: skip

PATH: Final = "/v1/audit"

INTEGRITY: Final = "audit.integrity."
"""What begins so carries the proof, or says how it was made, and is not covered by it."""

PROOF: Final = "audit.integrity.value"
SIGNER: Final = "audit.integrity.signer"
PRODUCER: Final = "producer"
CANONICALIZATION: Final = "audit.integrity.canonicalization"
JCS: Final = "jcs"

ALGORITHM: Final = "audit.integrity.algorithm"
CERTIFICATE: Final = "audit.integrity.certificate"
"""These two are attributes of the resource."""

SEQUENCE_NUMBER: Final = "audit.sequence.number"
PREVIOUS_HASH: Final = ("audit.sequence.prev_hash", "audit.sequence.previous_hash")
"""The second is what later versions of the draft call it."""

STREAM_ID: Final = "audit.sequence.stream_id"

VerifyStatus: TypeAlias = Literal["passed", "failed", "deferred"]

Status: TypeAlias = Literal[
    "accepted_pending_verify", "verified_queued", "verified_exporting", "delivered_all_sinks", "delivered_partial",
    "rejected_verify_failed", "rejected_schema_invalid", "rejected_authz", "failed_internal", "rejected_conflict",
]  # fmt: skip
"""What became of a record. The draft has no word for a conflict: the last is ours."""
