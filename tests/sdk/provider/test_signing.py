"""Proofs that a sink checks, by keys that change while records are emitted."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit_signal.conftest import SECRET, Owner, owner
from otel_audit import (
    AuditProvider,
    AuditRecord,
    AuditRecordProcessor,
    NotDurable,
    OTLPAuditExporter,
    RetryPolicy,
    SigningAuditRecordProcessor,
    SigningKey,
    SimpleAuditRecordProcessor,
)
from otel_audit.sdk.provider.otlp_json import decode_request
from receive.conftest import SinkProcess, StartSink
from sdk.provider.conftest import WHO, ScriptedSink


def sink_that_asks_for_proofs(start: StartSink, folder: Path, *owners: Owner) -> SinkProcess:
    lines = ["[proofs]", "required = true"]
    for number, one in enumerate(owners):
        file = folder / f"{number}.pem"
        file.write_bytes(one.certificate)
        lines += ["[[proofs.keys]]", f'name = "key-{number}"', f'file = "{file}"']
    lines += ["[[proofs.keys]]", 'name = "shared"', 'secret = "env:PROOF_SECRET"']
    config = folder / "otel-audit.toml"
    config.write_text("\n".join(lines))
    return start(OTEL_AUDIT_CONFIG=str(config), PROOF_SECRET=SECRET.decode())


class AddsLate(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        record.add("region", "eu")


def test_records_are_proven_by_keys_that_rotate_and_checked_by_a_real_sink(
    start_sink: StartSink, tmp_path: Path
) -> None:
    shops = [owner("EdDSA"), owner("ES256"), owner("RS256")]
    sink = sink_that_asks_for_proofs(start_sink, tmp_path, *shops)
    keys = [SigningKey(shop.private_pem, certificate=shop.certificate) for shop in shops[:2]]
    keys += [SigningKey(shops[2].private_pem, key_id="key-2"), SigningKey(SECRET)]
    signing = SigningAuditRecordProcessor(keys[0])
    exporting = SimpleAuditRecordProcessor(OTLPAuditExporter(f"{sink.http}/v1/audit"))
    # What is added by a later processor is proven as well.
    provider = AuditProvider(signing, exporting, AddsLate())
    logger = provider.get_audit_logger("auth")

    def emit(number: int) -> str:
        return logger.emit("user.login", **WHO, attributes={"f": 1.5, "n": 2**60, "é": [number]}).record_id

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        emitting = []
        for key in keys:
            signing.rotate(key)
            emitting += [pool.submit(emit, number) for number in range(4)]
        given = [one.result(30) for one in emitting]
    provider.shutdown()
    assert sink.stop()[0] == 0
    found = sink.records()
    assert sorted(given) == sorted(record["recordId"] for record in found)
    # What proves a record stays with it.
    assert {len(record["attributes"]["audit.integrity.value"]) for record in found} <= {88, 344, 44}


def test_a_record_without_a_proof_or_with_another_is_refused(start_sink: StartSink, tmp_path: Path) -> None:
    sink = sink_that_asks_for_proofs(start_sink, tmp_path, owner())
    stranger = owner()
    for signing in ([], [SigningAuditRecordProcessor(SigningKey(stranger.private_pem))]):
        exporter = OTLPAuditExporter(f"{sink.http}/v1/audit")
        provider = AuditProvider(*signing, SimpleAuditRecordProcessor(exporter, policy=RetryPolicy()))
        with pytest.raises(NotDurable, match="400") as caught:
            provider.get_audit_logger("auth").emit("user.login", **WHO)
        assert not caught.value.may_follow
        provider.shutdown()
    sink.kill()


def test_what_is_added_says_how_it_is_proven_and_by_what(scripted: ScriptedSink) -> None:
    shop = owner()

    def sent(key: SigningKey, **fields: Any) -> Any:
        provider = AuditProvider(
            SigningAuditRecordProcessor(key), SimpleAuditRecordProcessor(scripted.exporter())
        )
        provider.get_audit_logger("auth").emit("user.login", **(WHO | fields))
        import json

        return decode_request(json.dumps(scripted.bodies[-1]).encode())[0]

    log = sent(SigningKey(shop.private_pem, certificate=shop.certificate))
    assert log.attributes["audit.integrity.signer"] == "producer"
    assert log.attributes["audit.integrity.canonicalization"] == "jcs"
    assert log.resource.attributes["audit.integrity.algorithm"] == "EdDSA"
    assert log.resource.attributes["audit.integrity.certificate"] == shop.fingerprint
    log = sent(SigningKey(SECRET))
    assert log.resource.attributes["audit.integrity.algorithm"] == "HMAC-SHA256"
    assert "audit.integrity.certificate" not in log.resource.attributes, "a secret is never named"
    log = sent(SigningKey(SECRET), attributes={"audit.integrity.value": "AAAA"})
    assert log.attributes["audit.integrity.value"] == "AAAA", "a proof that is there stays"


WITHOUT_CRYPTOGRAPHY = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import otel_audit
otel_audit.SigningAuditRecordProcessor
try:
    otel_audit.SigningKey
except otel_audit.ConfigurationError as error:
    print(error)
"""


def test_without_the_extra_it_is_said_what_to_install() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_CRYPTOGRAPHY], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'otel-audit[signing]'" in run.stdout
