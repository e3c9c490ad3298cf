"""Keys of pseudonyms that a KMS decrypts, by real requests to servers that really encrypt."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import traceback
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from otel_audit.config import load
from otel_audit.config.build import fingerprint, mask_policy
from otel_audit.errors import ConfigurationError
from otel_audit.kms import decryption
from servers.fake_gcp_kms import KEY, TOKEN, FakeGcpKms
from servers.fake_s3 import FakeS3Server

SECRET = b"\x00\xffa data key of 32 bytes or more\n\x80\n"


def aws(server: FakeS3Server, action: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        server.endpoint,
        json.dumps(body).encode(),
        {
            "X-Amz-Target": f"TrentService.{action}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/kms/aws4_request, "
            "SignedHeaders=host, Signature=0",
        },
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture
def aws_key(fake_s3: FakeS3Server) -> str:
    key: str = aws(fake_s3, "CreateKey")["KeyMetadata"]["KeyId"]
    return key


@pytest.fixture
def aws_ciphertext(fake_s3: FakeS3Server, aws_key: str) -> str:
    blob: str = aws(fake_s3, "Encrypt", KeyId=aws_key, Plaintext=base64.b64encode(SECRET).decode())[
        "CiphertextBlob"
    ]
    return blob


def key_of(url: str, **more: object) -> bytes:
    """The key that a policy has by such a setting."""
    policy = mask_policy(load({"mask": {"key": url, **more}}, environment={}))
    assert policy.key is not None
    return policy.key.secret


@pytest.mark.parametrize("form", ["id", "alias", "arn"])
@pytest.mark.parametrize("written", ["base64", "bytes"])
def test_aws(fake_s3, aws_key, aws_ciphertext, tmp_path: Path, form, written) -> None:
    if form == "alias":
        aws(fake_s3, "CreateAlias", AliasName=f"alias/{tmp_path.name}", TargetKeyId=aws_key)
    named = {
        "id": f"/{aws_key}",
        "alias": f"/alias/{tmp_path.name}",
        "arn": f"/{aws(fake_s3, 'DescribeKey', KeyId=aws_key)['KeyMetadata']['Arn']}",
    }[form]
    file = tmp_path / "key.enc"
    file.write_bytes(
        base64.b64decode(aws_ciphertext) if written == "bytes" else f"{aws_ciphertext}\n".encode()
    )
    assert key_of(f"awskms://{named}?ciphertext=file:{file}") == SECRET


def test_gcp(fake_gcp_kms: FakeGcpKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ciphertext = fake_gcp_kms.encrypt(SECRET)
    (tmp_path / "key.enc").write_bytes(ciphertext)
    monkeypatch.setenv("MASK_KEY_ENCRYPTED", base64.b64encode(ciphertext).decode())
    fake_gcp_kms.failures += [503, 0]
    assert key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc") == SECRET
    assert key_of(f"gcpkms://{KEY}?ciphertext=env:MASK_KEY_ENCRYPTED") == SECRET
    assert set(fake_gcp_kms.authorizations) == {f"Bearer {TOKEN}"}


def test_earlier_keys_too(fake_gcp_kms: FakeGcpKms, tmp_path: Path) -> None:
    (tmp_path / "old.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    settings = load(
        {
            "mask": {
                "key": b"n" * 32,
                "key_id": "k2",
                "old_keys": [{"key_id": "k1", "key": f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/old.enc"}],
            }
        },
        environment={},
    )
    assert [key.secret for key in mask_policy(settings).keys] == [b"n" * 32, SECRET]


def test_by_a_variable_and_by_a_file(fake_gcp_kms: FakeGcpKms, tmp_path: Path) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    url = f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc"
    (tmp_path / "audit.toml").write_text(f'[mask]\nkey = "{url}"\n')
    for environment in ({"OTEL_AUDIT_MASK_KEY": url}, {"OTEL_AUDIT_CONFIG": str(tmp_path / "audit.toml")}):
        policy = mask_policy(load({}, environment=environment))
        assert policy.key is not None
        assert policy.key.secret == SECRET


def test_settings_ask_nobody_and_show_nothing(fake_gcp_kms: FakeGcpKms, tmp_path: Path) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    url = f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc"
    settings = load({"mask": {"key": url}}, environment={})
    assert settings == load({"mask": {"key": url}}, environment={})
    before = fingerprint(settings)
    assert fake_gcp_kms.authorizations == []
    policy = mask_policy(settings)
    assert mask_policy(settings).key == policy.key
    assert len(fake_gcp_kms.authorizations) == 1, "asked once"
    assert fingerprint(settings) == before
    for shown in (repr(settings), repr(policy), policy.content.decode(), str(settings.mask.key)):
        assert "data key" not in shown
        assert "key.enc" not in shown


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ([401] * 4, "not accepted"),
        ([403], "may not decrypt"),
        ([302], "unexpected answer"),
        ([429, 500, 503], "cannot be reached"),
        ([0, 0, 0], "cannot be reached"),
    ],
)
def test_what_gcp_refuses_is_said_without_secrets(
    fake_gcp_kms, tmp_path, caplog, capfd, failures, said
) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    fake_gcp_kms.failures += failures
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match=said) as raised:
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text + "".join(capfd.readouterr())
    for secret in (TOKEN, "data key", "PRIVATE", base64.b64encode(SECRET).decode()):
        assert secret not in shown
    assert "Cloud KMS" in str(raised.value)


def test_another_key_and_another_ciphertext(fake_gcp_kms, tmp_path) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    with pytest.raises(ConfigurationError, match="no such key"):
        key_of(f"gcpkms://{KEY}2?ciphertext=file:{tmp_path}/key.enc")
    (tmp_path / "key.enc").write_bytes(os.urandom(64))
    with pytest.raises(ConfigurationError, match="not one of this key"):
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")


def test_a_plaintext_that_was_damaged_on_the_way(fake_gcp_kms, tmp_path) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    fake_gcp_kms.damages = True
    with pytest.raises(ConfigurationError, match="Cloud KMS"):
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")


def test_a_service_that_stalls_is_left(fake_gcp_kms, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(decryption.decrypted, "__kwdefaults__", {"time_box_s": 1.0})
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    fake_gcp_kms.stalls = threading.Event()
    with pytest.raises(ConfigurationError, match="in time"):
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")


def test_what_aws_refuses_is_said(fake_s3, aws_key, aws_ciphertext, tmp_path, monkeypatch) -> None:
    file = tmp_path / "key.enc"
    file.write_text(aws_ciphertext)
    other = aws(fake_s3, "CreateKey")["KeyMetadata"]["KeyId"]
    with pytest.raises(ConfigurationError, match=r"AWS KMS.*(not one of this key|may not decrypt)"):
        key_of(f"awskms:///{other}?ciphertext=file:{file}")
    with pytest.raises(ConfigurationError, match="no such key"):
        key_of(f"awskms:///alias/nobody?ciphertext=file:{file}")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(ConfigurationError, match="no region"):
        key_of(f"awskms:///{aws_key}?ciphertext=file:{file}")
    assert key_of(f"awskms:///{aws_key}?ciphertext=file:{file}&region=us-east-1") == SECRET
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigurationError, match="no credentials"):
        key_of(f"awskms:///{aws_key}?ciphertext=file:{file}&region=us-east-1")


def test_a_key_that_is_too_short_is_refused(fake_gcp_kms, tmp_path) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(b"short"))
    with pytest.raises(ConfigurationError, match="at least 32 bytes"):
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")


@pytest.mark.parametrize(
    "url",
    [
        "awskms:///",
        "awskms:///k1",
        "awskms:///k1?ciphertext=AQICAHh",
        "awskms:///k1?ciphertext=file:/k&x=1",
        "gcpkms://projects/p?ciphertext=file:/k",
        f"gcpkms://{KEY}?ciphertext=file:/k&region=x",
        f"gcpkms://{KEY}/cryptoKeyVersions/../../x?ciphertext=file:/k",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="awskms:///KEY") as raised:
        load({"mask": {"key": url}}, environment={})
    assert "AQICAHh" not in str(raised.value)


def test_a_ciphertext_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load({"mask": {"key": "awskms:///k1?ciphertext=file:/nowhere/key.enc"}}, environment={})
    with pytest.raises(ConfigurationError, match="NOBODY"):
        load({"mask": {"key": "awskms:///k1?ciphertext=env:NOBODY"}}, environment={})


def test_plain_http_is_for_this_machine(fake_gcp_kms, tmp_path, monkeypatch) -> None:
    (tmp_path / "key.enc").write_bytes(fake_gcp_kms.encrypt(SECRET))
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", "http://kms.example/")
    with pytest.raises(ConfigurationError, match="plain http"):
        key_of(f"gcpkms://{KEY}?ciphertext=file:{tmp_path}/key.enc")
