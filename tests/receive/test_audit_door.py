"""``POST /v1/audit``: a receipt for what is durable, a refusal with a reason for everything else."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import json
import os
import signal
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from audit_signal.conftest import SECRET, owner, proven, record
from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.convert.spans import LogData
from otel_audit.record.canonical import record_hashes
from otel_audit.sdk.provider.otlp_json import encode_request
from receive.conftest import SinkProcess, StartSink

JSON = {"content-type": "application/json"}


def said(**changes: Any) -> LogData:
    """A record under an id of its own."""
    attributes = {"audit.record.id": str(uuid.uuid4()), **changes.pop("attributes", {})}
    return record(attributes=attributes, **changes)


def id_of(log: LogData) -> str:
    return str(log.attributes["audit.record.id"])


def post(sink: SinkProcess, *logs: LogData, timeout: float = 20) -> requests.Response:
    return requests.post(f"{sink.http}/v1/audit", encode_request(logs), headers=JSON, timeout=timeout)


def rows(sink: SinkProcess) -> list[dict[str, Any]]:
    """Every row of every file, with its record hash."""
    found = []
    for file in sorted(Path(sink.folder, "log").rglob("*.parquet")):
        for batch in pq.read_table(file, partitioning=None).to_batches():
            hashes = record_hashes(batch).to_pylist()
            found += [
                row | {"hash": f"sha256:{each.hex()}"}
                for row, each in zip(batch.to_pylist(), hashes, strict=True)
            ]
    return found


def events(sink: SinkProcess, name: str) -> list[dict[str, Any]]:
    return [row for row in rows(sink) if row["eventName"] == name]


def protobuf_of(log: LogData) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    leaf = group.scope_logs.add()
    leaf.scope.name = "ignored"
    made = leaf.log_records.add(
        time_unix_nano=log.time_unix_nano,
        observed_time_unix_nano=log.observed_unix_nano,
        event_name=log.name,
        severity_number=9,
    )
    for key, value in log.attributes.items():
        made.attributes.add(key=key).value.string_value = str(value)
    return request


def test_one_record_gets_the_receipt_that_it_is_found_by(start_sink: StartSink) -> None:
    sink, log = start_sink(), said(body="mail jane@example.com")
    before = time.time_ns()

    answer = post(sink, log)

    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert told.keys() == {
        "record_id", "status", "integrity_hash", "sink_timestamp", "verify_status", "sink_status_map",
    }  # fmt: skip
    assert (told["record_id"], told["status"], told["verify_status"]) == (
        id_of(log),
        "verified_queued",
        "deferred",
    )
    assert before <= told["sink_timestamp"] <= time.time_ns()
    spool, place = told["sink_status_map"].values()
    assert spool == {"sink_type": "spool", "delivery_status": "success"}
    assert place == {"sink_type": "file", "delivery_status": "queued"}

    sink.kill()
    assert start_sink().stop() == (0, "")
    (row,) = [row for row in rows(sink) if row["recordId"] == id_of(log)]
    assert row["hash"] == told["integrity_hash"]
    assert (row["eventName"], row["user"]["id"], row["action"]) == ("user.login", "u8472", "LOGIN")
    assert "jane" not in row["attributes"]
    assert row["sender"] == {"id": None, "method": "none", "address": "127.0.0.1"}


def test_protobuf_and_json_and_no_scope(start_sink: StartSink) -> None:
    sink, log = start_sink(), said()
    answer = requests.post(
        f"{sink.http}/v1/audit",
        protobuf_of(log).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
        timeout=20,
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["record_id"] == id_of(log)
    assert sink.stop()[0] == 0
    (row,) = [row for row in rows(sink) if row["recordId"] == id_of(log)]
    assert row["hash"] == answer.json()["integrity_hash"]
    assert row["scope"] is None or row["scope"]["name"] is None


def test_many_records_are_answered_by_a_map_and_are_there_in_order(start_sink: StartSink) -> None:
    sink = start_sink()
    logs = [said(attributes={"n": number}) for number in range(50)]
    told = post(sink, *logs).json()
    assert told.keys() == {"batch_id", "status", "record_status_map", "sink_status_aggregate"}
    assert (told["status"], list(told["record_status_map"])) == (
        "verified_queued",
        [id_of(log) for log in logs],
    )
    assert uuid.UUID(told["batch_id"]).version == 4
    assert {one["delivery_status"] for one in told["sink_status_aggregate"].values()} == {"success", "queued"}
    assert sink.stop()[0] == 0
    found = [row for row in rows(sink) if row["eventName"] == "user.login"]
    assert [row["recordId"] for row in sorted(found, key=lambda row: row["sequence"])] == [
        id_of(log) for log in logs
    ]
    assert {row["recordId"]: row["hash"] for row in found} == {
        name: one["integrity_hash"] for name, one in told["record_status_map"].items()
    }


def test_the_same_record_gets_the_same_receipt_also_from_the_next_process(start_sink: StartSink) -> None:
    sink, logs = start_sink(), [said(), said()]
    first = post(sink, logs[0]).json()
    assert post(sink, logs[0]).json() == first
    # Together with a new one, which alone is written.
    both = post(sink, *logs).json()["record_status_map"]
    assert both[id_of(logs[0])]["integrity_hash"] == first["integrity_hash"]
    sink.kill()

    again = start_sink()
    told = post(again, logs[0]).json()
    same = ("record_id", "integrity_hash", "sink_timestamp")
    assert [told[name] for name in same] == [first[name] for name in same]
    assert again.stop()[0] == 0

    # All of it is at its destination now, and the next one says so.
    third = start_sink()
    told = post(third, *logs).json()
    assert (told["status"], told["record_status_map"][id_of(logs[0])]["status"]) == (
        "delivered_all_sinks",
    ) * 2
    assert third.stop()[0] == 0
    names = [row["recordId"] for row in rows(sink) if row["eventName"] == "user.login"]
    assert sorted(names) == sorted(id_of(log) for log in logs)


def test_who_sends_again_may_have_moved_and_ids_may_be_in_capitals(start_sink: StartSink) -> None:
    sink, log = start_sink(), said()
    first = post(sink, log).json()

    class FromElsewhere(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
            super().init_poolmanager(*arguments, source_address=("127.0.0.2", 0), **named)

    with requests.Session() as session:
        session.mount("http://", FromElsewhere())
        again = session.post(f"{sink.http}/v1/audit", encode_request([log]), headers=JSON, timeout=20)
        other = replace(log, name="user.logout")
        refused = session.post(f"{sink.http}/v1/audit", encode_request([other]), headers=JSON, timeout=20)
    assert (again.status_code, again.json()) == (200, first)
    assert refused.status_code == 409
    capitals = said(attributes={"audit.record.id": id_of(log).upper(), "x": 1})
    assert post(sink, log, capitals).status_code == 409
    assert sink.stop()[0] == 0
    assert len([row for row in rows(sink) if row["eventName"].startswith("user.")]) == 1


def test_a_sink_that_dies_between_fsync_and_answer_has_one_record_after_the_retry(
    start_sink: StartSink, tmp_path: Path
) -> None:
    log = said()
    places = [str(_dies_before_it_answers(tmp_path)), os.environ.get("PYTHONPATH", "")]
    sink = start_sink(PYTHONPATH=os.pathsep.join(filter(None, places)))
    with pytest.raises(requests.ConnectionError):
        post(sink, log)
    sink.process.communicate(timeout=20)
    assert sink.process.returncode == -signal.SIGKILL

    again = start_sink()
    told = post(again, log).json()
    assert told["record_id"] == id_of(log)
    assert again.stop()[0] == 0
    (row,) = [row for row in rows(sink) if row["recordId"] == id_of(log)]
    assert row["hash"] == told["integrity_hash"], (
        "the receipt is that of the record which the first one made durable"
    )


def _dies_before_it_answers(folder: Path) -> Path:
    """A folder whose ``sitecustomize`` kills a sink once a record is durable, before anybody is told."""
    place = folder / "dies"
    place.mkdir()
    place.joinpath("sitecustomize.py").write_text(
        "import os\n"
        "from otel_audit.receive.audit_batch import AuditBatch\n"
        "AuditBatch.receipts = lambda self: os.kill(os.getpid(), 9)\n"
    )
    return place


def test_the_same_id_with_other_content_is_a_conflict_of_which_the_log_tells(start_sink: StartSink) -> None:
    sink, log = start_sink(), said()
    assert post(sink, log).status_code == 200
    other = replace(log, attributes=log.attributes | {"audit.outcome": "failure"})

    answer = post(sink, said(), other, said())

    told = answer.json()
    assert answer.status_code == 409
    assert (told["status"], told["record_id"]) == ("rejected_conflict", id_of(log))
    assert "another record has this" in told["reason"]
    twice = post(sink, *(replace(said(), attributes=log.attributes | {"x": number}) for number in range(2)))
    assert twice.status_code == 409, "within one request as well"
    sink.kill()
    assert start_sink().stop()[0] == 0
    assert [row["outcome"] for row in rows(sink) if row["eventName"] == "user.login"] == ["success"]
    first, second = events(sink, "audit.conflict")
    assert first["target"] == second["target"] == {"type": "audit_record", "id": id_of(log)}
    assert (first["action"], first["source"]["id"]) == ("REFUSE", "127.0.0.1")


def test_proofs_are_checked_before_anything_is_acknowledged(start_sink: StartSink, tmp_path: Path) -> None:
    shops = {algorithm: owner(algorithm) for algorithm in ("EdDSA", "ES256", "RS256")}
    keys = "".join(f'[[proofs.keys]]\nname = "{name}"\nfile = "{tmp_path}/{name}.pem"\n' for name in shops)
    for name, shop in shops.items():
        tmp_path.joinpath(f"{name}.pem").write_bytes(shop.certificate)
    config = tmp_path / "otel-audit.toml"
    config.write_text(f'{keys}[[proofs.keys]]\nname = "s"\nsecret = "env:PROOF_SECRET"\n')
    sink = start_sink(OTEL_AUDIT_CONFIG=str(config), PROOF_SECRET=SECRET.decode())
    good = [proven(said(), name, shop.private, shop.fingerprint) for name, shop in shops.items()]
    good.append(proven(said(), "HMAC-SHA256", SECRET))

    for log in good:
        answer = post(sink, log)
        assert (answer.status_code, answer.json().get("verify_status")) == (200, "passed"), answer.text
    for log in good:
        changed = replace(log, attributes=log.attributes | {"audit.record.id": str(uuid.uuid4())})
        answer = post(sink, said(), changed)
        told = answer.json()
        assert (answer.status_code, told["status"], told["verify_status"]) == (
            400,
            "rejected_verify_failed",
            "failed",
        )
        assert (told["record_id"], told["reason"].startswith("record 2 of 2: ")) == (id_of(changed), True)
    by_nobody = proven(said(), "EdDSA", owner().private)
    assert post(sink, by_nobody).status_code == 400
    assert sink.stop()[0] == 0
    names = {row["recordId"] for row in rows(sink) if row["eventName"] == "user.login"}
    assert names == {id_of(log) for log in good}, "what was refused left nothing behind"
    notes = [
        json.loads(row["attributes"])["audit.notes"] for row in rows(sink) if row["eventName"] == "user.login"
    ]
    assert notes == [["proof-held"]] * 4


@pytest.mark.parametrize(
    "missing",
    [
        "audit.record.id",
        "audit.actor.id",
        "audit.actor.type",
        "audit.action",
        "audit.outcome",
        "time",
        "event name",
    ],
)
def test_a_request_with_a_record_that_is_none_is_refused_whole(sink: SinkProcess, missing: str) -> None:
    changes: dict[str, Any] = {"time": {"time_unix_nano": 0}, "event name": {"name": ""}}.get(missing, {})
    bad = said(**changes)
    bad.attributes.pop(missing, None)
    answer = post(sink, said(), bad)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (400, "rejected_schema_invalid")
    assert "record 2 of 2" in told["reason"]
    assert "partialSuccess" not in answer.text


def test_what_is_no_request_is_answered_in_the_same_form(sink: SinkProcess) -> None:
    url = f"{sink.http}/v1/audit"
    for body, headers, status in (
        (b"no json", JSON, 400),
        (b"{}", JSON, 400),
        (b"\xff" * 20, {"content-type": "application/x-protobuf"}, 400),
        (b"x", {"content-type": "text/plain"}, 415),
        (b" " * (21 << 20), JSON, 413),
    ):
        answer = requests.post(url, body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (status, "rejected_schema_invalid")
        assert answer.json()["reason"]
    assert requests.get(url, timeout=10).status_code == 405


def test_a_full_spool_is_503_and_says_when_to_come_back(start_sink: StartSink) -> None:
    full = start_sink(OTEL_AUDIT_SPOOL_MAX_BYTES="1MiB")  # of which losses have a MiB for themselves
    answer = post(full, said())
    assert (answer.status_code, answer.json()["status"]) == (503, "failed_internal")
    assert answer.json()["retry_after"] == int(answer.headers["retry-after"]) == 5


def test_a_chain_is_followed_and_a_break_is_told(start_sink: StartSink) -> None:
    sink = start_sink()

    def linked(number: int, previous: str | None, name: str = "audit.sequence.prev_hash") -> LogData:
        hashed = {} if previous is None else {name: previous}
        place = {"audit.sequence.number": number, "audit.sequence.stream_id": "s-1"}
        return said(attributes=place | hashed)

    first = linked(1, hashlib.sha256(b"").hexdigest())
    told = post(sink, first).json()
    second = linked(2, told["integrity_hash"], "audit.sequence.previous_hash")
    told = post(sink, second).json()
    assert "reason" not in told
    third = linked(3, hashlib.sha256(canonical_form(second)).hexdigest())
    assert "reason" not in post(sink, third).json(), "the hash of what was sent is known without waiting"
    assert "reason" not in post(sink, first).json(), "one that comes again breaks nothing"

    gap = post(sink, linked(5, told["integrity_hash"]))
    assert (gap.status_code, gap.json()["status"]) == (200, "verified_queued"), "it is taken all the same"
    assert "record 4 of its stream was expected" in gap.json()["reason"]
    forged = post(sink, linked(6, "0" * 64)).json()
    assert "names another record" in forged["reason"]

    metrics = requests.get(f"{sink.http}/metrics", timeout=10).text
    assert "otel_audit_chain_breaks_total 2" in metrics
    assert sink.stop()[0] == 0
    broken = events(sink, "audit.sequence.break")
    assert len(broken) == 2
    assert "was expected" in json.loads(broken[0]["attributes"])["audit.sequence.break.reason"]


def test_many_senders_at_once_have_each_record_once(start_sink: StartSink) -> None:
    sink = start_sink()
    logs = [said(attributes={"n": number}) for number in range(60)]
    with concurrent.futures.ThreadPoolExecutor(12) as senders:
        told = [answer.json() for answer in senders.map(lambda log: post(sink, log), [*logs, *logs])]
    assert all(one["integrity_hash"] for one in told)
    assert [one["integrity_hash"] for one in told[:60]] == [one["integrity_hash"] for one in told[60:]]
    assert sink.stop()[0] == 0
    found = {row["recordId"]: row["hash"] for row in rows(sink) if row["eventName"] == "user.login"}
    assert len(found) == len([row for row in rows(sink) if row["eventName"] == "user.login"]) == 60
    assert found == {one["record_id"]: one["integrity_hash"] for one in told}


def test_a_proof_of_bytes_that_are_sent_as_protobuf(start_sink: StartSink, tmp_path: Path) -> None:
    """What another implementation signs and sends in the other format."""
    config = tmp_path / "otel-audit.toml"
    config.write_text('[proofs]\nrequired = true\n[[proofs.keys]]\nname = "s"\nsecret = "env:PROOF_SECRET"\n')
    sink = start_sink(OTEL_AUDIT_CONFIG=str(config), PROOF_SECRET=SECRET.decode())
    assert post(sink, said()).json()["status"] == "rejected_verify_failed", "a proof is required"
    log = said()
    request = protobuf_of(log)
    proof = base64.b64encode(_hmac(canonical_form(log))).decode()
    resource, leaf = request.resource_logs[0].resource, request.resource_logs[0].scope_logs[0]
    resource.attributes.add(key="audit.integrity.algorithm").value.string_value = "HMAC-SHA256"
    leaf.log_records[0].attributes.add(key="audit.integrity.value").value.string_value = proof
    answer = requests.post(
        f"{sink.http}/v1/audit",
        request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
        timeout=20,
    )
    assert (answer.status_code, answer.json()["verify_status"]) == (200, "passed")


def _hmac(payload: bytes) -> bytes:
    import hmac

    return hmac.digest(SECRET, payload, "sha256")
