"""Objects in an S3 bucket, of AWS or of whatever speaks its protocol.

s3fs finds the endpoint (``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``), the region and the credentials (AWS's own
default chain: environment, profiles, web identities, the metadata server) and gives its client of aiobotocore.
The requests are made with that client by :class:`~otel_audit.store.s3_api.S3Api`, not by s3fs' calls, which take
all of an upload into memory, list to look at a single object and try again by themselves
(``docs/adr/0030-requests-to-s3-and-azure.md``):

- **Every write states** ``If-None-Match: *``, the completion of an upload in parts too. S3 answers 412 if the
  object exists. A 409 is another conditional write under way: it is tried again.
- **Every write states its SHA-256**, and S3 refuses bytes that do not have it. It keeps the checksum, and tells
  it when asked; an ETag is no hash of the content. An object of parts has a checksum of checksums, which is
  known beforehand too.
- **More than a chunk goes up in parts.** What is given up halfway is aborted; a bucket should have a lifecycle
  rule for incomplete uploads all the same.
- **403 can mean "missing"** to who may not list, and "the keys are no longer good": credentials are looked for
  again.

A bucket with Object Lock takes these writes as they are, since each carries a checksum.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import aiohttp
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from otel_audit.store.base import StoreOptions
from otel_audit.store.cloud import CloudStore
from otel_audit.store.s3_api import S3Api
from otel_audit.store.s3_checksum import Fingerprint, part_bytes
from otel_audit.store.url import Scheme, StoreUrl


class S3Store(CloudStore[Fingerprint]):
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: an ``s3://`` destination. The bucket is neither made nor looked at before the first call.
        options: time-outs and attempts.
    """

    def __init__(self, url: StoreUrl, options: StoreOptions) -> None:
        if url.scheme is not Scheme.S3:
            raise ValueError("an S3Store has an s3:// URL")
        self._bucket = url.host
        super().__init__(
            url,
            options,
            name="otel-audit-s3",
            fingerprint=partial(Fingerprint.of, part_bytes=part_bytes(options)),
            connect=self._connect,
            chunk_bytes=part_bytes(options),
        )

    def _connect(self) -> S3Api:
        return S3Api(
            self._bucket, open_client=self._open_client, request_timeout_s=self._options.request_timeout_s
        )

    async def _open_client(self) -> Any:
        files = S3FileSystem(
            # No thread of s3fs' own, and nothing shared with the application's.
            asynchronous=True,
            skip_instance_cache=True,
            config_kwargs={
                "connect_timeout": self._options.connect_timeout_s,
                "read_timeout": self._options.request_timeout_s,
                # Tried again by the store, which knows what a lost answer means.
                "retries": {"total_max_attempts": 1},
                # The checksums are ours; those that newer clients add by themselves, other servers refuse.
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
                # Not the resolver that aiohttp picks when aiodns is installed: it has threads of its own.
                "connector_args": {"resolver": aiohttp.ThreadedResolver()},
            },
        )
        return await files.set_session()
