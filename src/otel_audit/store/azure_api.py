"""The few requests to Azure Blob Storage that a store needs.

Operations: https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs
Conditions: https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.azure_errors import azure_errors_translated
from otel_audit.store.content import blocks, compare_sha256, open_content
from otel_audit.store.ranges import TAIL_BYTES

_PAGE: Final = 5000
"""Most blobs that one page of a listing may have."""

_BLOCKS_MAX: Final = 50_000
"""https://learn.microsoft.com/azure/storage/blobs/scalability-targets"""

_CONTENT_TYPE: Final = "application/octet-stream"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What Blob Storage tells of a blob's content.

    Attributes:
        size: bytes.
        md5: of all bytes; None for a blob of blocks whose writer did not state it.
    """

    size: int
    md5: bytes | None

    @classmethod
    def of(cls, content: bytes | Path, *, path: str, sha256: str) -> Fingerprint:
        """Read the content once. Raises IntegrityError if it has another SHA-256 or cannot be read."""
        ours, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        for block in blocks(content, path=path):
            ours.update(block)
            md5.update(block)
            size += len(block)
        compare_sha256(ours.hexdigest(), path=path, sha256=sha256)
        return cls(size, md5.digest())

    @classmethod
    def read(cls, properties: BlobProperties) -> Fingerprint:
        """From a blob's properties."""
        md5 = properties.content_settings.content_md5
        return cls(properties.size, bytes(md5) if md5 else None)

    def agrees(self, stored: Fingerprint) -> bool | None:
        """Whether ``stored`` is of the same content; None if it has no MD5, and the same size."""
        if stored.md5 is None and stored.size == self.size:
            return None
        return stored == self


class Connection(Protocol):
    """A client of the SDK, and what it stands on."""

    @property
    def service(self) -> BlobServiceClient:
        """The client."""

    async def close(self) -> None:
        """Give back connections."""


class AzureApi:
    """Requests about one container; every method is called on the store's loop.

    Args:
        container: its name.
        connect: makes a client.
        request_timeout_s: for one request, its answer included.
    """

    def __init__(
        self, container: str, *, connect: Callable[[], Awaitable[Connection]], request_timeout_s: float
    ) -> None:
        self._container, self._connect, self._timeout_s = container, connect, request_timeout_s
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def after_blocked(self, cause: str) -> None:
        """Look for credentials again: 403 is also what an expired signature is told."""
        if cause in {"http-401", "http-403", "credentials"}:
            await self.close()

    async def upload(
        self, key: str, content: bytes | Path, mine: Fingerprint, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        """Create a blob: in one request, or of blocks if it is larger than a chunk.

        Returns:
            What is stored now; None if the blob exists, before or since.
        """
        with open_content(content, path=path) as file:
            try:
                if mine.size > chunk_bytes:
                    return await self._upload_blocks(key, file, mine, path=path, chunk_bytes=chunk_bytes)
                async with self._request(key, path) as blob:
                    answer = await blob.upload_blob(
                        file.read(),
                        length=mine.size,
                        overwrite=False,
                        # The service holds the bytes to this MD5, and the next line keeps it with the blob.
                        validate_content=True,
                        content_settings=_settings(mine),
                    )
            except _Exists:
                return None
            except Missing as error:
                raise Blocked("bucket-missing") from error
        md5 = answer.get("content_md5")
        return Fingerprint(mine.size, bytes(md5) if md5 else mine.md5)

    async def _upload_blocks(
        self, key: str, file: BinaryIO, mine: Fingerprint, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        if mine.size > chunk_bytes * _BLOCKS_MAX:
            raise Refused("too-large", path=path)
        if await self._is_there(key, path=path):
            # Asked before: the service says so only when all blocks are up.
            return None
        names: list[BlobBlock] = []
        while chunk := file.read(chunk_bytes):
            # A block is named by its content, since all who write this blob share its uncommitted blocks.
            digest = hashlib.sha256(chunk).hexdigest()
            name = base64.b64encode(f"{len(names):05d}-{digest[:40]}".encode()).decode("ascii")
            async with self._request(key, path) as blob:
                await blob.stage_block(name, chunk, length=len(chunk), validate_content=True)
            names.append(BlobBlock(name))
        async with self._request(key, path) as blob:
            await blob.commit_block_list(
                names, match_condition=MatchConditions.IfMissing, content_settings=_settings(mine)
            )
        return await self.stat(key, path=path)

    async def _is_there(self, key: str, *, path: str) -> bool:
        try:
            await self.stat(key, path=path)
        except Missing:
            return False
        return True

    async def stat(self, key: str, *, path: str) -> Fingerprint:
        """What is stored. Raises Missing."""
        return Fingerprint.read(await self._properties(key, path=path))

    async def created(self, key: str, *, path: str) -> int:
        """When the blob was made, nanoseconds since the epoch, to the second. Raises Missing."""
        properties = await self._properties(key, path=path)
        made: timedelta = (properties.creation_time or properties.last_modified) - _EPOCH
        return made // timedelta(microseconds=1) * 1000

    async def _properties(self, key: str, *, path: str) -> BlobProperties:
        async with self._request(key, path) as blob:
            properties = await blob.get_blob_properties()
        _check_is_no_folder(properties, path)
        return properties

    async def replace(self, key: str, content: bytes, *, path: str) -> None:
        """Upload in one request, whatever is there. For probes."""
        async with self._request(key, path) as blob:
            await blob.upload_blob(content, length=len(content), overwrite=True)

    async def delete(self, key: str, *, path: str) -> None:
        """Delete a blob. For probes. Raises Missing."""
        async with self._request(key, path) as blob:
            await blob.delete_blob()

    async def download(self, key: str, *, path: str) -> bytes:
        """All bytes of a blob, held to its MD5 if it has one. Raises Missing."""
        async with self._request(key, path) as blob:
            download = await blob.download_blob()
            content = await download.readall()
        _check_is_no_folder(download.properties, path)
        mine = Fingerprint(len(content), hashlib.md5(content, usedforsecurity=False).digest())
        if mine.agrees(Fingerprint.read(download.properties)) is False:
            raise Retry("damaged-on-the-way", path=path)
        return content

    async def download_range(self, key: str, start: int, end: int, *, path: str) -> bytes:
        """The bytes from ``start`` up to, not including, ``end``. Raises Missing."""
        async with self._request(key, path) as blob:
            download = await blob.download_blob(offset=start, length=end - start)
            content = await download.readall()
        if len(content) != end - start:
            raise Retry("connection-lost", path=path)
        return content

    async def download_tail(self, key: str, *, path: str) -> tuple[int, bytes]:
        """Size of a blob and its last bytes, in two requests: no range here counts from the end."""
        size = (await self.stat(key, path=path)).size
        start = max(0, size - TAIL_BYTES)
        return size, await self.download_range(key, start, size, path=path) if size else b""

    async def page(self, prefix: str, token: str) -> tuple[list[tuple[str, int]], str]:
        """A page of a listing, and the token of the next page, empty on the last.

        The key of a folder, which accounts with a hierarchical namespace list like a blob, ends with ``/``.
        """
        with azure_errors_translated(""):
            async with asyncio.timeout(self._timeout_s):
                container = (await self._service()).get_container_client(self._container)
                listed = container.list_blobs(
                    name_starts_with=prefix, include=["metadata"], results_per_page=_PAGE
                )
                pages = listed.by_page(continuation_token=token or None)
                found = [
                    (blob.name + "/" if _is_folder(blob) else blob.name, blob.size)
                    async for blob in await anext(pages)
                ]
        return found, getattr(pages, "continuation_token", None) or ""

    @asynccontextmanager
    async def _request(self, key: str, path: str) -> AsyncIterator[BlobClient]:
        with azure_errors_translated(path):
            try:
                async with asyncio.timeout(self._timeout_s):
                    yield (await self._service()).get_blob_client(self._container, key)
            except HttpResponseError as error:
                if error.status_code == 412 or getattr(error, "error_code", "") == "BlobAlreadyExists":
                    raise _Exists("exists", path=path) from error
                raise

    async def _service(self) -> BlobServiceClient:
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._connect()
            return self._connection.service


class _Exists(StoreError):
    """A conditional write found a blob."""


def _settings(mine: Fingerprint) -> ContentSettings:
    return ContentSettings(content_type=_CONTENT_TYPE, content_md5=bytearray(mine.md5 or b""))


def _is_folder(properties: BlobProperties) -> bool:
    return (properties.metadata or {}).get("hdi_isfolder") == "true"


def _check_is_no_folder(properties: BlobProperties, path: str) -> None:
    if _is_folder(properties):
        raise Missing("not-a-file", path=path)
