"""Destinations are read strictly, and no message about one shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.errors import ConfigurationError
from otel_audit.store.url import Scheme, StoreUrl, parse_url, redact

SECRET = "s3cr3t-p4ssw0rd"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gs://acme-audit", StoreUrl(Scheme.GCS, "acme-audit", "")),
        ("gs://acme-audit/", StoreUrl(Scheme.GCS, "acme-audit", "")),
        ("gs://acme-audit/prod/eu/", StoreUrl(Scheme.GCS, "acme-audit", "prod/eu")),
        ("GS://acme-audit/prod", StoreUrl(Scheme.GCS, "acme-audit", "prod")),
        ("gcs://acme.audit_1/prod", StoreUrl(Scheme.GCS, "acme.audit_1", "prod")),
        ("  gs://acme-audit/prod\n", StoreUrl(Scheme.GCS, "acme-audit", "prod")),
        ("s3://acme-audit.eu/prod/", StoreUrl(Scheme.S3, "acme-audit.eu", "prod")),
        ("s3a://acme-audit/prod", StoreUrl(Scheme.S3, "acme-audit", "prod")),
        ("abfs://audit/prod", StoreUrl(Scheme.AZURE, "audit", "prod")),
        ("az://audit-1/prod", StoreUrl(Scheme.AZURE, "audit-1", "prod")),
        (
            "abfss://audit@acme1.dfs.core.windows.net/prod/eu",
            StoreUrl(Scheme.AZURE, "audit@acme1.dfs.core.windows.net", "prod/eu"),
        ),
        (
            "abfs://audit@acme1.blob.core.chinacloudapi.cn",
            StoreUrl(Scheme.AZURE, "audit@acme1.blob.core.chinacloudapi.cn", ""),
        ),
        ("memory://", StoreUrl(Scheme.MEMORY, "", "")),
        ("memory://test-1/a/b", StoreUrl(Scheme.MEMORY, "test-1", "a/b")),
        ("/var/log/audit", StoreUrl(Scheme.FILE, "", "/var/log/audit")),
        ("/var/log/audit/", StoreUrl(Scheme.FILE, "", "/var/log/audit")),
        ("/odd name/50%/a:b", StoreUrl(Scheme.FILE, "", "/odd name/50%/a:b")),
        ("file:///var/log/audit", StoreUrl(Scheme.FILE, "", "/var/log/audit")),
        ("file://localhost/var/log", StoreUrl(Scheme.FILE, "", "/var/log")),
        ("file:/var/log", StoreUrl(Scheme.FILE, "", "/var/log")),
        ("file:///odd%20name", StoreUrl(Scheme.FILE, "", "/odd name")),
    ],
)
def test_destinations(text: str, expected: StoreUrl) -> None:
    assert parse_url(text) == expected
    assert parse_url(str(expected)) == expected


def test_a_relative_folder_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse_url("./audit-log").prefix == f"{tmp_path}/audit-log"
    assert parse_url("audit-log").prefix == f"{tmp_path}/audit-log"
    assert parse_url("a").prefix == f"{tmp_path}/a"
    assert parse_url("~/audit-log").prefix == "/home/somebody/audit-log"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a destination is"),
        ("   ", "a destination is"),
        ("/a\0b", "a destination is"),
        ("file:///a%00b", "a destination is"),
        ("gs:", "two slashes"),
        ("gs:/bucket/x", "two slashes"),
        ("gs:bucket/x", "two slashes"),
        ("gs:///bucket", "two slashes"),
        ("gs://", "bucket"),
        ("gs://Bucket", "bucket"),
        ("gs://b/x", "bucket"),
        ("gs://bucket:443/x", "bucket"),
        ("gs://bück/x", "bucket"),
        ("gs://bucket/a//b", "empty part"),
        ("gs://bucket/../x", "begins with a dot"),
        ("gs://bucket/.hidden", "begins with a dot"),
        ("gs://bucket/a\\b", "character"),
        ("gs://bucket/a\nb", "character"),
        ("gs://bucket/" + "p" * 300, "longer"),
        ("memory://na me", "name of a memory"),
        ("memory:name", "two slashes"),
        ("file://otherhost/x", "no other machine"),
        ("file:relative", "absolute"),
        ("s3://Bucket/x", "bucket"),
        ("s3://bucket_1/x", "bucket"),
        ("s3:/bucket/x", "two slashes"),
        ("s3://bucket/a//b", "empty part"),
        ("abfs://", "container"),
        ("abfs://co/x", "container"),
        ("abfs://con--tainer/x", "container"),
        ("abfs://Container@account.dfs.core.windows.net/x", "user name or password"),
        ("abfs://container@account/x", "user name or password"),
        ("abfs://container@account.dfs.example.com/x", "user name or password"),
        ("abfs://container@account.dfs.core.windows.net:443/x", "user name or password"),
        ("abfs://container@account.dfs.core.windows.net/a@b", "user name or password"),
        ("abfs://container@account.dfs.core.windows.net/x?sv=1", "query"),
        ("http://storage/x", "not a known kind"),
        ("ftp://host", "not a known kind"),
        ("~nobody-has-this-name/x", "no such home"),
    ],
)
def test_what_is_no_destination_says_what_is(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_url(text)


@pytest.mark.parametrize(
    "text",
    [
        f"gs://user:{SECRET}@bucket/prod",
        f"gs://{SECRET}@bucket/prod",
        f"gs://user:{SECRET}/with/slash@bucket",
        f"gs://bucket/prod?token={SECRET}",
        f"gs://bucket/prod#{SECRET}",
        f"gs://bucket?{SECRET}",
        f"gs://{SECRET}:x@",
        f"file://user:{SECRET}@localhost/x",
        f"file:///x?key={SECRET}",
        f"memory://user:{SECRET}@name",
        f"s3://AKIAEXAMPLE:{SECRET}@bucket/x",
        f"http://user:{SECRET}@host/x?sig={SECRET}",
        f"abfs://x:{SECRET}@y",
        f"abfs://{SECRET}@account.dfs.core.windows.net.example.com/x",
        f"abfs://container@account.dfs.core.windows.net/{SECRET}@",
        f"abfs://container@account.dfs.core.windows.net/x?sig={SECRET}",
        f"gs:user:{SECRET}@bucket",
    ],
)
def test_credentials_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url(text)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert SECRET not in redact(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gs://bucket/prod", "gs://bucket/prod"),
        ("gs://user:pass@bucket/prod", "gs://***@bucket/prod"),
        ("gs://user:pa/ss@bucket/prod", "gs://***@bucket/prod"),
        ("gs://bucket/prod?token=x#y", "gs://bucket/prod?***"),
        ("gs://bucket/prod#y", "gs://bucket/prod#***"),
        ("gs://user@bucket?x@y", "gs://***@bucket?***"),
        ("abfs://audit@acme.dfs.core.windows.net/x?sig=y", "abfs://audit@acme.dfs.core.windows.net/x?***"),
        ("abfs://user:pass@acme.dfs.core.windows.net/x", "abfs://***@acme.dfs.core.windows.net/x"),
        ("s3://audit@acme.dfs.core.windows.net/x", "s3://***@acme.dfs.core.windows.net/x"),
        ("/var/log/audit", "/var/log/audit"),
        ("file:///var/log", "file:///var/log"),
        ("", ""),
    ],
)
def test_redaction_hides_what_could_be_secret(text: str, shown: str) -> None:
    assert redact(text) == shown


# "p@ss?" and the like: what a password must have escaped, and often has not.
secrets = st.text(st.sampled_from("sS3:/%-_.~+=&@"), min_size=6).map(lambda text: f"XX{text}XX")


@given(secrets)
def test_no_part_of_a_password_is_shown(secret: str) -> None:
    for text in f"gs://user:{secret}@bucket/prod", f"https://{secret}@host", f"gs://bucket/?{secret}":
        assert "XX" not in redact(text)
        with pytest.raises(ConfigurationError) as caught:
            parse_url(text)
        assert "XX" not in str(caught.value)
