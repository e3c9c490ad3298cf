"""A proof holds for its record and its key, and for no other."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from audit_signal.conftest import SECRET, owner, proven, record
from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.audit_signal.keys import SigningKey, trusted_keys, trusted_secret
from otel_audit.audit_signal.proofs import ProofChecker
from otel_audit.errors import ConfigurationError

ASYMMETRIC = ["EdDSA", "ES256", "RS256"]


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_proof_by_a_trusted_key_holds_and_one_of_a_changed_record_does_not(algorithm):
    shop = owner(algorithm)
    for content in (shop.certificate, shop.public_pem):
        checker = ProofChecker(trusted_keys(content))
        log = proven(record(), algorithm, shop.private)
        assert checker.check(log).status == "passed"
        changed = replace(log, attributes=log.attributes | {"audit.actor.id": "u1"})
        assert checker.check(changed).status == "failed"
        assert checker.check(proven(record(), algorithm, owner(algorithm).private)).status == "failed"


def test_a_secret_proves_by_hmac():
    checker = ProofChecker([trusted_secret(SECRET)])
    log = proven(record(), "HMAC-SHA256", SECRET)
    assert checker.check(log).status == "passed"
    assert checker.check(replace(log, name="user.logout")).status == "failed"
    named = proven(record(), "HMAC-SHA256", SECRET, "key-1")
    assert "never named" in checker.check(named).reason


def test_a_key_is_found_by_every_name_that_the_draft_has_for_it():
    shop, other = owner(), owner()
    checker = ProofChecker(
        [*trusted_keys(shop.certificate, key_id="key-1"), *trusted_keys(other.certificate)]
    )
    names = {name for key in trusted_keys(shop.certificate, key_id="key-1") for name in key.names}
    assert {shop.der, shop.fingerprint, "key-1", "CN=shop,O=Acme/4711"} <= names
    assert len(names) == 6  # and those by SHA-1 and by its subject key identifier
    for name in names - {"CN=shop,O=Acme/4711"}:
        assert checker.check(proven(record(), "EdDSA", shop.private, name)).status == "passed"
        assert checker.check(proven(record(), "EdDSA", other.private, name)).status == "failed"
    assert checker.check(proven(record(), "EdDSA", shop.private, "key-2")).status == "failed"


def test_a_certificate_proves_only_what_happened_while_it_was_valid():
    gone = owner(days=30, ended_days_ago=3)
    checker = ProofChecker(trusted_keys(gone.certificate))
    day = 86_400 * 10**9
    log = record()
    then = replace(log, time_unix_nano=log.time_unix_nano - 10 * day)
    assert checker.check(proven(then, "EdDSA", gone.private)).status == "passed"
    assert "trusted at that time" in checker.check(proven(log, "EdDSA", gone.private)).reason


def test_without_trusted_keys_a_proof_is_deferred_unless_its_own_certificate_says_otherwise():
    shop = owner()
    checker = ProofChecker()
    log = proven(record(), "EdDSA", shop.private, shop.der)
    assert checker.check(log).status == "deferred"
    assert checker.check(proven(record(), "EdDSA", shop.private, "key-1")).status == "deferred"
    assert checker.check(replace(log, name="user.logout")).status == "failed"
    trusting_another = ProofChecker(trusted_keys(owner().certificate))
    assert trusting_another.check(log).status == "failed"


def test_a_required_proof_that_is_missing_has_failed():
    assert ProofChecker().check(record()).status == "deferred"
    assert ProofChecker(is_required=True).check(record()).status == "failed"


@pytest.mark.parametrize(
    ("algorithm", "attributes"),
    [
        (None, {}),
        ("none", {}),
        ("HS256", {}),
        ("EdDSA", {"audit.integrity.canonicalization": "c14n"}),
        ("EdDSA", {"audit.integrity.value": "no base64!"}),
        ("EdDSA", {"audit.integrity.value": 7}),
        ("EdDSA", {"x": float("nan")}),
    ],
)
def test_a_proof_that_cannot_be_judged_has_failed(algorithm, attributes):
    shop = owner()
    log = proven(record(), "EdDSA", shop.private)
    log = replace(log, attributes=log.attributes | attributes)
    log.resource.attributes["audit.integrity.algorithm"] = algorithm
    assert ProofChecker(trusted_keys(shop.certificate)).check(log).status == "failed"


def test_a_public_key_is_no_secret():
    """A key that anybody knows must not prove anything by HMAC (RFC 8725, 3.1)."""
    shop = owner("RS256")
    checker = ProofChecker(trusted_keys(shop.public_pem))
    assert checker.check(proven(record(), "HMAC-SHA256", shop.public_pem)).status == "failed"


def test_signatures_of_es256_in_asn1_hold_too():
    shop, log = owner("ES256"), record()
    signature = shop.private.sign(canonical_form(log), ec.ECDSA(hashes.SHA256()))
    signed = proven(log, "ES256", shop.private)
    signed.attributes["audit.integrity.value"] = base64.b64encode(signature).decode()
    assert ProofChecker(trusted_keys(shop.certificate)).check(signed).status == "passed"


def test_two_proofs_must_both_hold():
    shop, log = owner(), record()
    checker = ProofChecker(trusted_keys(shop.certificate))
    good = proven(log, "EdDSA", shop.private)
    value = str(good.attributes["audit.integrity.value"])
    both = replace(good, attributes=good.attributes | {"audit.integrity.value": [value, value]})
    assert checker.check(both).status == "passed"
    one = replace(good, attributes=good.attributes | {"audit.integrity.value": [value, "AAAA"]})
    assert checker.check(one).status == "failed"


def test_a_signing_key_knows_its_algorithm_and_what_it_is_called():
    for algorithm in ASYMMETRIC:
        shop = owner(algorithm)
        key = SigningKey(shop.private_pem, certificate=shop.certificate)
        assert (key.algorithm, key.reference) == (algorithm, shop.fingerprint)
    assert SigningKey(SECRET).algorithm == "HMAC-SHA256"
    assert "thirty" not in repr(SigningKey(SECRET))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SigningKey(b"short"),
        lambda: SigningKey(SECRET, key_id="k1"),
        lambda: SigningKey(b"-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n"),
        lambda: SigningKey(owner().private_pem, algorithm="RS256"),
        lambda: SigningKey(owner().private_pem, certificate=owner().certificate),
        lambda: trusted_keys(b"nothing"),
        lambda: trusted_keys(owner().private_pem),
        lambda: trusted_secret(b"short"),
    ],
)
def test_keys_that_prove_nothing_are_refused(make):
    with pytest.raises(ConfigurationError):
        make()
