"""Objects in a Cloud Storage bucket.

gcsfs finds the endpoint and the credentials. The requests themselves are made by
:class:`~otel_audit.store.gcs_api.GcsApi`, because each call of gcsfs that could make them has a trap for a
log that must lose nothing (``docs/adr/0002-requests-to-cloud-storage.md``):

- **Uploads are resumable, whatever their size.** One request opens a session, the next carry the bytes as
  they are. gcsfs sends small files as a multipart body with the fixed boundary ``==0==``, and content that
  holds ``\\n--==0==--\\n`` is silently cut there. An upload that is not finished leaves no object behind.
- **A session states ``ifGenerationMatch=0`` and the MD5 and CRC32C of the whole content.** So the server
  refuses to replace an object, and to create one from bytes that were changed on the way.
- **What is stored is compared** by size, MD5 and CRC32C (an object composed of others has no MD5: by its bytes),
  whenever Cloud Storage says that the object exists, or may mean it; see :mod:`otel_audit.store.cloud`.
- **After a failed request an upload starts over** with a new session, rather than guess how much arrived.
- **Nothing lists but** ``list``. gcsfs lists to look at a single object, which a writer that may only create
  and read is not allowed to do.
- **No gRPC.** ``gcsfs.core`` is the class that does not ask each bucket over gRPC for its kind, which stalls
  for a minute where gRPC is blocked. The application's own use of gcsfs is left as it is.
- **Time-outs everywhere, few retries, nothing logged.** gcsfs sets no time-outs, retries for half a minute,
  and logs the texts of failures.

Client certificates (mutual TLS) are not presented.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google.auth.exceptions
import requests
from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]

from otel_audit.errors import Blocked, Retry
from otel_audit.store.base import ENDPOINT, StoreOptions
from otel_audit.store.cloud import CloudStore
from otel_audit.store.gcs_api import Fingerprint, GcsApi
from otel_audit.store.http_client import HttpClient
from otel_audit.store.url import Scheme, StoreUrl


class GcsStore(CloudStore[Fingerprint]):
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: a ``gs://`` destination. The bucket is neither made nor looked at before the first call.
        options: time-outs, attempts, endpoint and credentials.
    """

    def __init__(self, url: StoreUrl, options: StoreOptions) -> None:
        if url.scheme is not Scheme.GCS:
            raise ValueError("a GcsStore has a gs:// URL")
        self._bucket = url.host
        super().__init__(
            url, options, name="otel-audit-gcs", fingerprint=Fingerprint.of, connect=self._connect
        )

    def _connect(self) -> GcsApi:
        self._access = _Access(self._options)
        return GcsApi(
            HttpClient(self._options),
            endpoint=self._access.endpoint,
            bucket=self._bucket,
            authorize=self._access.authorize,
            forget=self._access.forget,
        )


class _Access:
    """Where the API is and what it is told about us, both as gcsfs finds them.

    Looking for credentials asks files and, on Google's machines, the metadata server, without a time-out
    that could be set: done on the store's own loop, it holds up nothing else, and its caller's time-out runs.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._files: GCSFileSystem | None = None
        self.endpoint = self._found().base.removesuffix("/storage/v1/")
        if not ENDPOINT.fullmatch(self.endpoint):
            # STORAGE_EMULATOR_HOST is not ours to check before.
            raise Blocked("endpoint-not-a-url")

    def authorize(self, headers: dict[str, str]) -> None:
        """Add credentials, refreshed when they are about to expire. Raises Blocked or Retry."""
        with _credentials_translated():
            self._found().credentials.apply(headers)

    def forget(self) -> None:
        """Look for credentials again at the next request."""
        self._files = None

    def _found(self) -> GCSFileSystem:
        if self._files is None:
            token = self._token()
            with _credentials_translated():
                self._files = GCSFileSystem(
                    token=token,
                    endpoint_url=self._options.gcs_endpoint,
                    # The narrowest scope that may create; gcsfs asks for full control.
                    access="read_write",
                    # No thread and no session of gcsfs' own, and none shared with the application's.
                    asynchronous=True,
                    skip_instance_cache=True,
                )
        return self._files

    def _token(self) -> str:
        credentials = self._options.gcs_credentials
        if credentials == "default":
            # Named, since left to itself gcsfs goes on without credentials when it finds none.
            return "anon" if self._is_emulated() else "google_default"
        if credentials == "anonymous":
            return "anon"
        if not Path(credentials).is_file():
            # gcsfs would take the text for a token, and send it to be checked.
            raise Blocked("credentials-file-missing")
        return credentials

    def _is_emulated(self) -> bool:
        return self._options.gcs_endpoint is None and bool(os.environ.get("STORAGE_EMULATOR_HOST"))


@contextmanager
def _credentials_translated() -> Iterator[None]:
    """Turn what goes wrong with credentials into the port's errors; no text is passed on."""
    try:
        yield
    except (google.auth.exceptions.TransportError, requests.RequestException) as error:
        raise Retry("credentials-unreachable") from error
    except Exception as error:
        # An open set, from gcsfs, google-auth and what they read; all of it is for whoever cares for
        # credentials. gcsfs wraps a failed refresh, and only what it wraps says whether it may pass.
        if getattr(error.__cause__, "retryable", False) or getattr(error, "retryable", False):
            raise Retry("credentials-unreachable") from error
        raise Blocked("credentials") from error
