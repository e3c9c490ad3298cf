"""Opening a destination loads and touches as little as it can; options are checked when they are made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_audit.errors import ConfigurationError
from otel_audit.store.base import StoreOptions
from otel_audit.store.local import LocalStore
from otel_audit.store.memory import MemoryStore
from otel_audit.store.open import open_store
from otel_audit.store.url import parse_url


def test_the_scheme_chooses_the_store(tmp_path: Path) -> None:
    from otel_audit.store.azure import AzureStore
    from otel_audit.store.gcs import GcsStore
    from otel_audit.store.s3 import S3Store

    for url, kind in (
        (str(tmp_path), LocalStore),
        ("memory://x", MemoryStore),
        ("gs://bucket", GcsStore),
        ("s3://bucket/prefix", S3Store),
        ("abfs://container@account.dfs.core.windows.net/prefix", AzureStore),
    ):
        store = open_store(parse_url(url))
        assert type(store) is kind
        assert store.url == url
        store.close()


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_store(str(tmp_path / "audit")).close()
    open_store("gs://no-such-bucket", StoreOptions(gcs_credentials="/no/such/file")).close()
    open_store("s3://no-such-bucket").close()
    open_store("abfs://no-such-container").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "loaded"),
    [
        ("/tmp/audit", set()),
        ("memory://x", set()),
        ("gs://bucket", {"gcsfs", "aiohttp", "ssl"}),
        ("s3://bucket", {"s3fs", "botocore", "aiohttp", "ssl"}),
        ("abfs://container", {"azure.storage.blob", "aiohttp", "ssl"}),
    ],
)
def test_only_a_cloud_loads_its_client(url: str, loaded: set[str]) -> None:
    script = (
        "import sys; from otel_audit.store.open import open_store; open_store(sys.argv[1]);"
        "print(*{'gcsfs', 's3fs', 'botocore', 'azure.storage.blob', 'aiohttp', 'ssl'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, url], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(told.stdout.split()) == loaded


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("s3://bucket", "s3fs", "s3"), ("abfs://container", "azure.storage.blob", "azure")],
)
def test_a_client_that_is_not_installed_is_said_before_anything_is_loaded(
    url: str, module: str, extra: str
) -> None:
    script = (
        "import importlib.util as util, sys\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name: None if name == sys.argv[2] else found(name)\n"
        "from otel_audit.store.open import open_store\n"
        "try: open_store(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(sorted({'s3fs', 'azure.storage.blob', 'aiohttp'} & set(sys.modules)))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, url, module], capture_output=True, text=True, check=True, timeout=60
    )
    sentence, loaded = told.stdout.splitlines()
    assert sentence.startswith("ConfigurationError")
    assert sentence.endswith(f'pip install "otel-audit[{extra}]"')
    assert loaded == "[]"


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect_timeout_s": 0},
        {"request_timeout_s": -1},
        {"call_timeout_s": 0},
        {"attempts": 0},
        {"retry_wait_s": -0.1},
        {"upload_chunk_bytes": 0},
        {"upload_chunk_bytes": 1_000_000},
    ],
)
def test_options_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        StoreOptions(**wrong)


@pytest.mark.parametrize("endpoint", ["http://localhost:4443", "https://10.0.0.1", "http://[::1]:4443/"])
def test_endpoints_are_addresses(endpoint: str) -> None:
    assert StoreOptions(gcs_endpoint=endpoint).gcs_endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "localhost:4443",
        "ftp://host",
        "http://",
        "http://u:secret@host",
        "http://host/secret",
        "http://h?secret",
    ],
)
def test_other_texts_are_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="without user") as caught:
        StoreOptions(gcs_endpoint=endpoint)
    assert "secret" not in str(caught.value)


def test_a_store_is_given_a_url_of_its_kind() -> None:
    from otel_audit.store.azure import AzureStore
    from otel_audit.store.s3 import S3Store

    for kind, url in (LocalStore, "memory://x"), (MemoryStore, "/x"):
        with pytest.raises(ValueError, match="URL"):
            kind(parse_url(url))
    for cloud, url in (S3Store, "gs://bucket"), (AzureStore, "s3://bucket"):
        with pytest.raises(ValueError, match="URL"):
            cloud(parse_url(url), StoreOptions())
