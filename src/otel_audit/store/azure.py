"""Blobs in a container of Azure Blob Storage or Data Lake Storage.

The account and its credentials are found as adlfs, and so pandas, Dask and DuckDB's users, expect:
``AZURE_STORAGE_CONNECTION_STRING``; or the account of the URL or of ``AZURE_STORAGE_ACCOUNT_NAME`` with
``AZURE_STORAGE_ACCOUNT_KEY``, ``AZURE_STORAGE_SAS_TOKEN``, or what ``DefaultAzureCredential`` finds (environment,
workload identity, managed identity, command line tools). The requests are made with Azure's own client by
:class:`~otel_audit.store.azure_api.AzureApi`; adlfs itself is not used, since its file system can be closed
neither at exit nor in a forked process (``docs/adr/0030-requests-to-s3-and-azure.md``):

- **Every write states** ``If-None-Match: *``. The service answers 409 if the blob exists, and 403 to who may
  create and not replace.
- **Every write states its MD5**, to which the service holds the bytes, and which is kept with the blob. More than
  a chunk goes up as blocks, each with its MD5; the blob is there when their list is committed.
- **Blocks are named by their content**: all who write one blob share its uncommitted blocks.
- **Nothing lists but** ``list``.
- **Nothing logged.** What the SDK has to say about our requests, some of it texts of servers, is dropped; what it
  says to the application about its own is not.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import BlobServiceClient

from otel_audit.errors import Blocked
from otel_audit.store.azure_api import AzureApi, Fingerprint
from otel_audit.store.base import StoreOptions
from otel_audit.store.cloud import CloudStore
from otel_audit.store.url import Scheme, StoreUrl

_THREAD: Final = "otel-audit-azure"


class AzureStore(CloudStore[Fingerprint]):
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: an ``abfs://`` destination. The container is neither made nor looked at before the first call.
        options: time-outs and attempts.
    """

    def __init__(self, url: StoreUrl, options: StoreOptions) -> None:
        if url.scheme is not Scheme.AZURE:
            raise ValueError("an AzureStore has an abfs:// URL")
        self._container, _, self._host = url.host.partition("@")
        super().__init__(url, options, name=_THREAD, fingerprint=Fingerprint.of, connect=self._connect)

    def _connect(self) -> AzureApi:
        return AzureApi(
            self._container,
            connect=lambda: _Connection.open(self._host, self._options),
            request_timeout_s=self._options.request_timeout_s,
        )

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        """In order of path, which is not the order of accounts with a hierarchical namespace.

        These list folders too, and what is in ``a`` before ``a-b``. So up to the first folder the order is that
        of whole paths; the rest is put into it, in memory.
        """
        listed = super()._listed(prefix)
        for key, size in listed:
            if key.endswith("/"):
                yield from sorted(listed)
                return
            yield key, size


class _Transport(AioHttpTransport):  # type: ignore[misc]  # the SDK loads it lazily, without its type
    """Sends bodies as files: aiohttp warns about large ones in one piece."""

    async def send(self, request: Any, **settings: Any) -> Any:
        """See the SDK's."""
        if isinstance(request.data, bytes):
            request.data = io.BytesIO(request.data)
        return await super().send(request, **settings)


class _Connection:
    """Azure's client with a session of our own, and credentials from the usual places."""

    service: BlobServiceClient

    def __init__(self) -> None:
        self._credential: Any = None
        self._session = aiohttp.ClientSession(
            # Not the resolver that aiohttp picks when aiodns is installed: it has threads of its own.
            connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
            trust_env=True,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @classmethod
    async def open(cls, host: str, options: StoreOptions) -> _Connection:
        """Connect to an account; sends nothing yet.

        Args:
            host: ``account.dfs.core.windows.net``; empty to take the account from the environment.
            options: time-outs.

        Raises:
            Blocked: ``credentials``, ``account-missing``, ``another-account``.
        """
        connection = cls()
        try:
            connection.service = connection._find_service(host, options)
        except (ValueError, AzureError) as error:
            await connection.close()
            # Of the SDK, about what is in the environment; its text may quote that.
            raise Blocked("credentials") from error
        except Blocked:
            await connection.close()
            raise
        _be_quiet()
        return connection

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        if self._credential is not None:
            await self._credential.close()

    def _find_service(self, host: str, options: StoreOptions) -> BlobServiceClient:
        settings: dict[str, Any] = {
            "transport": _Transport(
                session=self._session,
                session_owner=False,
                connection_timeout=options.connect_timeout_s,
                read_timeout=options.request_timeout_s,
            ),
            # Tried again by the store, which knows what a lost answer means.
            "retry_total": 0,
            "max_single_put_size": options.upload_chunk_bytes,
            # A whole blob comes in one answer.
            "max_single_get_size": 2**40,
        }
        account = host.partition(".")[0]
        if text := os.environ.get("AZURE_STORAGE_CONNECTION_STRING"):
            service = BlobServiceClient.from_connection_string(text, **settings)
            if account and service.account_name != account:
                # Not written to another account than the URL says.
                raise Blocked("another-account")
            return service
        account = account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
        if not account:
            raise Blocked("account-missing")
        host = host.replace(".dfs.", ".blob.", 1) or f"{account}.blob.core.windows.net"
        return BlobServiceClient(f"https://{host}", self._find_credential(account), **settings)

    def _find_credential(self, account: str) -> Any:
        if key := os.environ.get("AZURE_STORAGE_ACCOUNT_KEY"):
            return {"account_name": account, "account_key": key}
        if token := os.environ.get("AZURE_STORAGE_SAS_TOKEN"):
            return token.removeprefix("?")
        from azure.identity import aio  # noqa: PLC0415 - 0.3 s that keys and connection strings need not spend

        if secret := os.environ.get("AZURE_STORAGE_CLIENT_SECRET"):
            self._credential = aio.ClientSecretCredential(
                os.environ.get("AZURE_STORAGE_TENANT_ID", ""),
                os.environ.get("AZURE_STORAGE_CLIENT_ID", ""),
                secret,
            )
        else:
            self._credential = aio.DefaultAzureCredential()
        return self._credential


def _is_of_others(record: logging.LogRecord) -> bool:
    return record.threadName != _THREAD


def _be_quiet() -> None:
    """Drop what the SDK logs in the store's thread. Repeatable: a filter is added once."""
    # A filter holds for the very logger that it is added to, and the SDK has one in each module.
    for name in tuple(logging.root.manager.loggerDict):
        if name.startswith("azure."):
            logging.getLogger(name).addFilter(_is_of_others)
