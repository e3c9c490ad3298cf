"""What a token proves, and what proves nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest

from otel_audit.errors import ConfigurationError
from otel_audit.tokens.checker import TokenChecker, TokenVerdict
from otel_audit.tokens.options import JwtOptions
from otel_audit.tokens.place import MAX_TOKEN, find_token
from tokens.issuing import EC, ED, NOW, OTHER_RSA, RSA, SECRET, key_set, pem, token, unsigned

VALID = TokenVerdict("allow", "", "u1")


def judge(text: str, at: float = NOW, **options: Any) -> TokenVerdict:
    given = {"pem": pem(RSA), "audience": ("shop",), "issuer": "https://idp.example", **options}
    return TokenChecker(JwtOptions(**given)).check(text, at)


def test_a_valid_token_of_each_kind_of_key() -> None:
    assert judge(token()) == VALID
    assert judge(token(algorithm="PS256")) == VALID
    assert judge(token(EC, "ES256"), pem=pem(EC)) == VALID
    assert judge(token(ED, "EdDSA"), pem=pem(ED)) == VALID
    assert judge(token(SECRET, "HS256"), pem=None, secret=SECRET) == VALID
    keys = key_set(a=OTHER_RSA, b=RSA, c=EC, d=ED)
    for made in (token(kid="b"), token(), token(EC, "ES256", kid="c"), token(ED, "EdDSA", kid="d")):
        assert judge(made, pem=None, jwks=keys) == VALID


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"nbf": NOW + 60}, "not-yet-valid"),
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"nbf": "tomorrow"}, "malformed"),
    ],
)
def test_a_token_that_does_not_hold(claims: dict[str, Any], reason: str) -> None:
    assert judge(token(**claims)) == TokenVerdict("deny", reason)  # type: ignore[arg-type]


def test_times_are_judged_as_of_when_it_came_with_leeway() -> None:
    assert judge(token(exp=NOW - 10)) == VALID
    assert judge(token(exp=NOW - 60), at=NOW - 61) == VALID
    assert judge(token(exp=NOW + 10), at=NOW + 300).reason == "expired"
    assert judge(token(exp=None)) == VALID


def test_audience_without_one_configured_is_refused() -> None:
    assert judge(token(), audience=()).reason == "audience"
    assert judge(token(aud=None), audience=()) == VALID


def test_none_is_no_algorithm() -> None:
    claims = {"sub": "ceo", "aud": "shop", "iss": "https://idp.example", "exp": NOW + 60}
    for name in ("none", "None", "NONE", ""):
        assert judge(unsigned({"alg": name}, claims)) == TokenVerdict("deny", "algorithm")
    assert judge(unsigned({}, claims)).subject == ""
    with pytest.raises(ConfigurationError):
        JwtOptions(pem=pem(RSA), algorithms=("none",))


def test_a_public_key_is_no_secret() -> None:
    """Algorithm confusion: HS256 keyed with the text of the RSA key that everybody knows."""
    claims = {"sub": "ceo", "aud": "shop", "iss": "https://idp.example", "exp": NOW + 60}
    unfinished = unsigned({"alg": "HS256", "typ": "JWT"}, claims).rstrip(".")
    signature = hmac.new(pem(RSA), unfinished.encode(), hashlib.sha256).digest()
    forged = unsigned({"alg": "HS256", "typ": "JWT"}, claims, signature)
    assert judge(forged) == TokenVerdict("deny", "algorithm")
    # Beside a secret of its own as well, and in a set.
    assert judge(forged, secret=SECRET) == TokenVerdict("deny", "signature")
    assert judge(forged, pem=None, jwks=key_set(a=RSA)) == TokenVerdict("deny", "algorithm")


def test_a_key_that_the_token_brings_itself_is_not_used() -> None:
    own = json.loads(key_set(x=OTHER_RSA))["keys"][0]
    content = {"sub": "ceo", "aud": "shop", "iss": "https://idp.example", "exp": NOW + 60}
    for header in ({"jwk": own}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/c"}):
        forged = jwt.encode(content, OTHER_RSA, "RS256", headers=header)
        assert judge(forged) == TokenVerdict("deny", "signature")


def test_keys_by_name() -> None:
    keys = key_set(a=RSA, b=OTHER_RSA)
    assert judge(token(kid="zzz"), pem=None, jwks=keys) == TokenVerdict("deny", "unknown-key")
    assert judge(token(kid="b"), pem=None, jwks=keys) == TokenVerdict("deny", "signature")
    assert judge(token(OTHER_RSA), pem=None, jwks=keys) == VALID


def test_algorithms_can_be_fewer_and_must_fit_the_keys() -> None:
    assert judge(token(), algorithms=("ES256",)) == TokenVerdict("deny", "algorithm")
    with pytest.raises(ConfigurationError, match="HS256"):
        JwtOptions(pem=pem(RSA), algorithms=("RS256", "HS256"))


def test_a_tampered_token() -> None:
    head, body, signature = token().split(".")
    other = token(sub="ceo").split(".")[1]
    assert judge(f"{head}.{other}.{signature}") == TokenVerdict("deny", "signature")
    assert judge(f"{head}.{body}.") == TokenVerdict("deny", "signature")


@pytest.mark.parametrize(
    "text",
    ["", "..", "a.b.c", "\ud800.b.c", "é.é.é", "eyJhbGciOiJSUzI1NiJ9..", "[" * 4_000 + "." + "]." + "x"],
)
def test_what_is_no_token(text: str) -> None:
    assert judge(text).decision == "deny"
    assert judge(text, reads_unchecked=True).claim == ""


def test_a_huge_token_is_not_looked_at() -> None:
    assert judge(token(blob="x" * MAX_TOKEN)) == TokenVerdict("deny", "too-large")


def test_whom_it_names() -> None:
    assert judge(token(uid=42), claim="uid") == TokenVerdict("allow", "", "42")
    assert judge(token(**{"https://x.example/id": "u9"}), claim="https://x.example/id").subject == "u9"
    for value in (None, ["u1"], {"id": "u1"}, True, ""):
        assert judge(token(uid=value), claim="uid") == TokenVerdict("allow", "no-user")


def test_an_unproven_token_is_read_for_a_claim_only_if_asked() -> None:
    expired = token(exp=NOW - 60, sub="ceo")
    assert judge(expired).claim == ""
    assert judge(expired, reads_unchecked=True) == TokenVerdict("deny", "expired", claim="ceo")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pem": b"no key"},
        {"pem": pem(RSA)[:100]},
        {"jwks": b"{}"},
        {"jwks": b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'},
        {"jwks": b"\xff"},
        {"jwks_url": "http://idp.example/keys"},
        {"jwks_url": "file:///etc/keys"},
    ],
)
def test_keys_that_are_none_are_refused_without_showing_them(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        TokenChecker(JwtOptions(**options))
    assert "c2VjcmV0" not in str(error.value)


def test_the_secret_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(JwtOptions(secret=SECRET))


def test_a_certificate_is_a_key() -> None:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(RSA.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .sign(RSA, hashes.SHA256())
    )  # fmt: skip
    assert judge(token(), pem=certificate.public_bytes(serialization.Encoding.PEM)) == VALID


def test_where_a_token_stands() -> None:
    headers = {"authorization": "bearer  a.b.c ", "cookie": 'x=1; access="d.e.f"; y=2', "x-token": "g.h.i"}

    def found(header: str, cookie: str | None = None, **given: str) -> str:
        return find_token(header, cookie, lambda name: {**headers, **given}.get(name, ""))

    assert found("authorization") == "a.b.c"
    assert found("x-token") == "g.h.i"
    assert found("x-missing", "access") == "d.e.f"
    assert found("authorization", "access", authorization="Basic a.b.c") == "d.e.f"
    for other in ("Basic a.b.c", "a.b.c", "Bearer opaque", "Bearer a.b.c.d.e", "Bearer", ""):
        assert found("authorization", authorization=other) == ""
    long = found("authorization", authorization="Bearer " + "x" * 10**6)
    assert len(long) == MAX_TOKEN + 1
    assert judge(long).reason == "too-large"
