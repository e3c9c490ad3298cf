"""How requests to ``/v1/audit`` are answered: always in JSON, with a word for what became of each record.

The draft's ``collector.md``, "Response Model" and "HTTP Status Codes". One record is answered by itself, several by a
map::

    {"record_id", "status", "integrity_hash", "sink_timestamp", "verify_status", "sink_status_map"}
    {"batch_id", "status", "record_status_map", "sink_status_aggregate"}

and what was not taken by ``status``, ``reason`` and, where it helps to come back, ``retry_after`` (seconds). The sink
that acknowledges is the spool: 200 says that every record is durable there, ``sink_status_map`` how far it is at each
destination. Destinations are named by the id that the spool has for them, since where the log is kept is not for
everybody who may write to it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from otel_audit.audit_signal.names import Status, VerifyStatus
from otel_audit.pipeline.deliveries import DeliveryStatus
from otel_audit.pipeline.receipts import Receipt
from otel_audit.receive.answers import Answer, Verdict

__all__ = ["AuditAnswer", "AuditRefused", "Receipted", "acknowledge", "audit_body", "refuse"]

_STATUSES: Final[dict[Verdict, Status]] = {
    Verdict.MALFORMED: "rejected_schema_invalid",
    Verdict.TOO_LARGE: "rejected_schema_invalid",
    Verdict.UNSUPPORTED: "rejected_schema_invalid",
    Verdict.CONFLICT: "rejected_conflict",
    Verdict.UNAUTHENTICATED: "rejected_authz",
    Verdict.FORBIDDEN: "rejected_authz",
}
"""What is told of a request that came to no record; of others that they failed here, and may be sent again."""

_ORDER: Final[Sequence[DeliveryStatus]] = ("success", "queued", "retrying")
"""From the best to the worst."""

_SPOOL: Final = "spool"


@dataclass(frozen=True, slots=True)
class AuditAnswer(Answer):
    """An answer with more to tell.

    Attributes:
        told: members of its JSON object.
    """

    told: Mapping[str, Any] = field(default_factory=dict)


class AuditRefused(Exception):
    """A request is not taken.

    Args:
        answer: what its sender is told.
        record_id: of the record at fault, where there is one.
    """

    def __init__(self, answer: AuditAnswer, record_id: str) -> None:
        super().__init__(answer.reason)
        self.answer, self.record_id = answer, record_id


@dataclass(frozen=True, slots=True)
class Receipted:
    """A record that is durable.

    Attributes:
        given_id: as its sender named it.
        receipt: hash and time.
        verify_status: what its proof is worth.
        destinations: how far it is at each.
        warning: what is odd about it; empty where nothing is.
    """

    given_id: str
    receipt: Receipt
    verify_status: VerifyStatus
    destinations: Mapping[str, DeliveryStatus]
    warning: str = ""


def refuse(
    status: Status, reason: str, record_id: str = "", *, verdict: Verdict = Verdict.MALFORMED
) -> AuditRefused:
    """An error that says why a request is not taken.

    Args:
        status: in the draft's words.
        reason: a sentence of ours, which quotes nothing.
        record_id: of the record at fault.
        verdict: decides the status of HTTP.
    """
    told: dict[str, Any] = {"record_id": record_id} if record_id else {}
    told["status"] = status
    if status == "rejected_verify_failed":
        told["verify_status"] = "failed"
    return AuditRefused(AuditAnswer(verdict, reason, None, told | {"reason": reason}), record_id)


def acknowledge(records: Sequence[Receipted]) -> AuditAnswer:
    """What is told of a request all of whose records are durable."""
    answers = {record.given_id: _told(record) for record in records}
    if len(records) == 1:
        return AuditAnswer(Verdict.TAKEN, told=answers[records[0].given_id])
    worst = {
        name: max((record.destinations.get(name, "queued") for record in records), key=_ORDER.index)
        for name in records[0].destinations
    }
    told = {
        "batch_id": str(uuid.uuid4()),
        "status": _status(worst),
        "record_status_map": answers,
        "sink_status_aggregate": _sinks(worst),
    }
    return AuditAnswer(Verdict.TAKEN, told=told)


def audit_body(answer: Answer) -> bytes:
    """The body of an answer, whoever gave it."""
    if isinstance(answer, AuditAnswer):
        told = dict(answer.told)
    else:
        told = {"status": _STATUSES.get(answer.verdict, "failed_internal"), "reason": answer.reason}
    if answer.retry_after_s is not None:
        told["retry_after"] = answer.retry_after_s
    return json.dumps(told).encode()


def _told(record: Receipted) -> dict[str, Any]:
    told: dict[str, Any] = {
        "record_id": record.given_id,
        "status": _status(record.destinations),
        "integrity_hash": f"sha256:{record.receipt.record_hash.hex()}",
        "sink_timestamp": record.receipt.at_unix_nano,
        "verify_status": record.verify_status,
        "sink_status_map": _sinks(record.destinations),
    }
    if record.warning:
        told["reason"] = record.warning
    return told


def _status(destinations: Mapping[str, DeliveryStatus]) -> Status:
    return "delivered_all_sinks" if set(destinations.values()) <= {"success"} else "verified_queued"


def _sinks(destinations: Mapping[str, DeliveryStatus]) -> dict[str, dict[str, str]]:
    sinks = {_SPOOL: {"sink_type": _SPOOL, "delivery_status": "success"}}
    for name, status in destinations.items():
        sinks[name] = {"sink_type": name.partition("-")[0], "delivery_status": status}
    return sinks
