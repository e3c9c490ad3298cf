"""A request to ``/v1/audit``: what it holds, judged before any of it is taken.

1. Each record has what every audit record has (``audit_signal/requirements.py``); the instrumentation scope is
   ignored, and severity is.
2. A proof that a record carries holds, or the request is refused; none of it is forwarded anywhere.
3. An id stands once in a request. The same record twice counts once; two records under one id are a conflict.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_INSTANCE_ID, SERVICE_NAME

from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.audit_signal.names import PREVIOUS_HASH, SEQUENCE_NUMBER, STREAM_ID, VerifyStatus
from otel_audit.audit_signal.proofs import ProofChecker
from otel_audit.audit_signal.requirements import check_record
from otel_audit.convert import notes
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.errors import InputError
from otel_audit.receive.answers import Verdict
from otel_audit.receive.audit_answers import refuse
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request, read
from otel_audit.record.ids import given_record_id

__all__ = ["AuditItem", "Link", "read_audit"]


@dataclass(frozen=True, slots=True)
class Link:
    """The place of a record in a hash chain, as it says itself.

    Attributes:
        stream: which chain.
        number: counts from 1.
        previous: hash of the record before; empty where it names none.
        sent_hash: SHA-256 of this record's canonical form, hex.
    """

    stream: tuple[str, ...]
    number: int
    previous: str
    sent_hash: str


@dataclass(frozen=True, slots=True)
class AuditItem:
    """One record of a request.

    Attributes:
        given_id: as its sender named it.
        log: what becomes it; conversion uses it up.
        verify_status: what its proof is worth.
        link: its place in a hash chain; None where it names none.
    """

    given_id: str
    log: LogData
    verify_status: VerifyStatus
    link: Link | None

    @property
    def key(self) -> str:
        """The same for ids that become the same record id."""
        return given_record_id("", self.given_id)


def read_audit(request: Request, options: ReceiveOptions) -> list[AuditItem]:
    """Reads a request whole.

    Raises:
        AuditRefused: a record is none, its proof does not hold, or two records have one id.
        TooLarge: it holds more than is taken.
        InputError: it cannot be read. No reason quotes anything.
    """
    export = read(request, options)
    if not export.logs:
        raise refuse("rejected_schema_invalid", "the request holds no log record")
    # Ids that are UUIDs are the same in capitals.
    items: dict[str, AuditItem] = {}
    resources = {id(log.resource): log.resource for log in export.logs}
    for resource in resources.values():
        resource.scope_name = resource.scope_version = ""
    for place, log in enumerate(export.logs):
        item = _judge(log, place, len(export.logs), request, options.proofs)
        first = items.setdefault(item.key, item)
        if first is not item and _form(log, place) != _form(first.log, place):
            raise refuse(
                "rejected_conflict",
                "two records of the request have one audit.record.id",
                item.given_id,
                verdict=Verdict.CONFLICT,
            )
    return list(items.values())


def _judge(log: LogData, place: int, count: int, request: Request, checker: ProofChecker) -> AuditItem:
    given = log.attributes.get(RECORD_ID)
    record_id = given if isinstance(given, str) else ""
    where = f"record {place + 1} of {count}: " if count > 1 else ""
    try:
        check_record(log)
    except InputError as error:
        raise refuse("rejected_schema_invalid", where + error.reason, record_id) from None
    verdict = checker.check(log)
    if verdict.status == "failed":
        raise refuse("rejected_verify_failed", where + verdict.reason, record_id)
    if verdict.status == "passed":
        # Masking may change what was proven, so the record says that it was.
        log.oddities.append(notes.PROOF_HELD)
    return AuditItem(record_id, log, verdict.status, _link(log, place, request))


def _link(log: LogData, place: int, request: Request) -> Link | None:
    number = log.attributes.get(SEQUENCE_NUMBER)
    previous = next((log.attributes[name] for name in PREVIOUS_HASH if name in log.attributes), "")
    if type(number) is not int or not isinstance(previous, str):
        return None
    named = log.attributes.get(STREAM_ID)
    resource, sender = log.resource.attributes, request.sender
    stream = (
        (named,)
        if isinstance(named, str) and named
        else (
            str(resource.get(SERVICE_INSTANCE_ID) or resource.get(SERVICE_NAME) or ""),
            sender.id or sender.address,
        )
    )
    sent_hash = hashlib.sha256(_form(log, place)).hexdigest()
    return Link(stream, number, previous.lower().removeprefix("sha256:"), sent_hash)


def _form(log: LogData, place: int) -> bytes:
    try:
        return canonical_form(log)
    except InputError as error:
        raise refuse("rejected_schema_invalid", f"record {place + 1}: {error.reason}") from None
