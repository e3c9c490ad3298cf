"""Objects in a Cloud Storage bucket.

gcsfs finds the endpoint and the credentials. The requests themselves are made by
:class:`~otel_audit.store.gcs_api.GcsApi`, because each call of gcsfs that could make them has a trap for a
log that must lose nothing (``docs/adr/0002-requests-to-cloud-storage.md``):

- **Uploads are resumable, whatever their size.** One request opens a session, the next carry the bytes as
  they are. gcsfs sends small files as a multipart body with the fixed boundary ``==0==``, and content that
  holds ``\\n--==0==--\\n`` is silently cut there. An upload that is not finished leaves no object behind.
- **A session states ``ifGenerationMatch=0`` and the MD5 and CRC32C of the whole content.** So the server
  refuses to replace an object, and to create one from bytes that were changed on the way.
- **"It exists" is a question.** A create whose answer was lost finds its own object: what is stored is
  compared by size, MD5 and CRC32C (an object composed of others has no MD5: by its bytes). A 403 asks the
  same, since to a principal that may not delete it can mean that the object exists.
- **After a failed request an upload starts over** with a new session, rather than guess how much arrived.
- **Nothing lists but** ``list``. gcsfs lists to look at a single object, which a writer that may only create
  and read is not allowed to do.
- **No gRPC.** ``gcsfs.core`` is the class that does not ask each bucket over gRPC for its kind, which stalls
  for a minute where gRPC is blocked. The application's own use of gcsfs is left as it is.
- **Time-outs everywhere, few retries, nothing logged.** gcsfs sets no time-outs, retries for half a minute,
  and logs the texts of failures.

At the interpreter's exit and after a fork: see :mod:`otel_audit.store.loop_thread`. An upload that begins or
goes on in ``atexit`` is made; once threads can no longer be started it is ``Retry("interpreter-exit")``, and
the next process ships it from the spool. Client certificates (mutual TLS) are not presented.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import google.auth.exceptions
import pyarrow as pa
import requests
from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]

from otel_audit.errors import Blocked, Conflict, Missing, Retry
from otel_audit.store.base import ENDPOINT, ObjectInfo, Outcome, StoreOptions, check_path
from otel_audit.store.gcs_api import Fingerprint, GcsApi
from otel_audit.store.http_client import HttpClient
from otel_audit.store.layout import ProbeFile
from otel_audit.store.loop_thread import LoopThread
from otel_audit.store.ranges import RangeFile
from otel_audit.store.url import Scheme, StoreUrl

T = TypeVar("T")


class GcsStore:
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: a ``gs://`` destination. The bucket is neither made nor looked at before the first call.
        options: time-outs, attempts, endpoint and credentials.
    """

    def __init__(self, url: StoreUrl, options: StoreOptions) -> None:
        if url.scheme is not Scheme.GCS:
            raise ValueError("a GcsStore has a gs:// URL")
        self._prefix = f"{url.prefix}/" if url.prefix else ""
        self._url, self._bucket, self._options = str(url), url.host, options
        self._thread = LoopThread("otel-audit-gcs", self._connect)

    @property
    def url(self) -> str:
        """The destination."""
        return self._url

    def create(self, path: str, content: bytes | Path, *, sha256: str) -> Outcome:
        """Upload, unless it exists; see the module and the port."""
        key = self._key(path)
        mine = Fingerprint.of(content, path=path, sha256=sha256)

        async def create(api: GcsApi) -> Outcome:
            chunk_bytes = self._options.upload_chunk_bytes
            try:
                stored = await api.upload(key, content, mine, path=path, chunk_bytes=chunk_bytes)
            except Blocked as forbidden:
                if forbidden.cause != "http-403":
                    raise
                try:
                    return await compare(api)
                except (Missing, Blocked):
                    raise forbidden from None
            if stored is None:
                try:
                    return await compare(api)
                except Missing as error:
                    raise Retry("gone-since", path=path) from error
            if not await same(api, stored):
                raise Conflict("stored-with-other-content", path=path)
            return Outcome.CREATED

        async def compare(api: GcsApi) -> Outcome:
            if not await same(api, await api.stat(key, path=path)):
                raise Conflict("exists-with-other-content", path=path)
            return Outcome.ALREADY_SAME

        async def same(api: GcsApi, found: Fingerprint) -> bool:
            if found.md5 is None and found.size == mine.size:
                return hashlib.sha256(await api.download(key, path=path)).hexdigest() == sha256
            return found == mine

        return self._run(create)

    def read(self, path: str) -> bytes:
        """All bytes of the object, held to its CRC32C; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.download(key, path=path))

    def size(self, path: str) -> int:
        """Size of the object in bytes; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.stat(key, path=path)).size

    def created(self, path: str) -> int:
        """When the object's only generation was made; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.created(key, path=path))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object, a page of a thousand at a time; see the port."""
        token = ""

        async def page(api: GcsApi) -> tuple[Sequence[tuple[str, int]], str]:
            return await api.page(self._prefix + prefix, token)

        while True:
            items, token = self._run(page)
            for key, size in items:
                # The console's placeholders for folders are no objects of anybody's.
                if not key.endswith("/"):
                    yield ObjectInfo(key.removeprefix(self._prefix), size)
            if not token:
                return

    def open_input(self, path: str) -> pa.NativeFile:
        """The object for reading in ranges, its last 64 KiB read ahead; see the port."""
        key = self._key(path)

        def fetch(start: int, end: int) -> bytes:
            return self._run(lambda api: api.download_range(key, start, end, path=path))

        size, tail = self._run(lambda api: api.download_tail(key, path=path))
        return pa.PythonFile(RangeFile(size=size, tail=tail, fetch=fetch), mode="r")

    def try_overwrite(self, probe: ProbeFile, content: bytes) -> bool:
        """Upload, whatever is there; see :class:`~otel_audit.store.probing.Prober`."""
        return self._is_allowed(lambda api: api.replace(self._key(probe.path), content, path=probe.path))

    def try_delete(self, probe: ProbeFile) -> bool:
        """Delete; see :class:`~otel_audit.store.probing.Prober`."""
        return self._is_allowed(lambda api: api.delete(self._key(probe.path), path=probe.path))

    def close(self) -> None:
        """End calls under way and close connections; see the port."""
        self._thread.close()

    def _is_allowed(self, operation: Callable[[GcsApi], Coroutine[Any, Any, None]]) -> bool:
        try:
            self._run(operation)
        except Blocked as error:
            # Also what a retention policy or a hold answers.
            if error.cause == "http-403":
                return False
            raise
        return True

    def _key(self, path: str) -> str:
        check_path(path)
        return self._prefix + path

    def _connect(self) -> GcsApi:
        self._access = _Access(self._options)
        return GcsApi(
            HttpClient(self._options),
            endpoint=self._access.endpoint,
            bucket=self._bucket,
            authorize=self._access.authorize,
        )

    def _run(self, operation: Callable[[GcsApi], Coroutine[Any, Any, T]]) -> T:
        """Run on the loop, trying again after a passing fault."""

        async def patiently(api: GcsApi) -> T:
            for attempt in range(self._options.attempts):
                try:
                    return await operation(api)
                except Retry:
                    if attempt + 1 == self._options.attempts:
                        raise
                    wait_s = self._options.retry_wait_s * 2**attempt
                    await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                except Blocked as error:
                    if error.cause == "http-401":
                        # Somebody may put other credentials in place: look for them again next time.
                        self._access.forget()
                    raise
            raise AssertionError("a store makes at least one attempt")

        return self._thread.run(patiently, timeout_s=self._options.call_timeout_s)


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
