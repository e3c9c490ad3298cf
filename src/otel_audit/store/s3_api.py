"""The few requests to S3 that a store needs.

Operations: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
Conditional writes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
Checksums: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.content import open_content
from otel_audit.store.ranges import TAIL_BYTES
from otel_audit.store.s3_checksum import Fingerprint, sha256_base64
from otel_audit.store.s3_errors import s3_errors_translated, status_of

_PAGE: Final = 1000
"""Most objects that one page of a listing may have."""

_CONTENT_TYPE: Final = "application/octet-stream"
"""Of every object: with a better known one, somebody on the way might compress it."""

_PARTS_MAX: Final = 10_000
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class S3Api:
    """Requests about one bucket; every method is called on the store's loop.

    Args:
        bucket: its name.
        open_client: makes a client of aiobotocore.
        request_timeout_s: for one request, its answer included.
    """

    def __init__(self, bucket: str, *, open_client: Callable[[], Any], request_timeout_s: float) -> None:
        self._bucket, self._open_client, self._timeout_s = bucket, open_client, request_timeout_s
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def after_blocked(self, cause: str) -> None:
        """Look for credentials again: S3 says 403 also to those that are no longer good."""
        if cause in {"http-401", "http-403", "credentials"}:
            await self.close()

    async def upload(
        self, key: str, content: bytes | Path, mine: Fingerprint, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        """Create an object: in one request, or in parts if it is larger than a chunk.

        Returns:
            What is stored now; None if the object exists, before or since.
        """
        with open_content(content, path=path) as file:
            try:
                if mine.size > chunk_bytes:
                    return await self._upload_parts(key, file, mine, path=path, chunk_bytes=chunk_bytes)
                # One object of bytes: aiohttp would read a file in a thread, block after block.
                answer = await self._send(
                    "put_object",
                    path,
                    Key=key,
                    Body=file.read(),
                    ContentType=_CONTENT_TYPE,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=mine.checksum,
                    IfNoneMatch="*",
                )
            except _Exists:
                return None
            except Missing as error:
                raise Blocked("bucket-missing") from error
        return Fingerprint(mine.size, answer.get("ChecksumSHA256", mine.checksum))

    async def _upload_parts(
        self, key: str, file: BinaryIO, mine: Fingerprint, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        if mine.size > chunk_bytes * _PARTS_MAX:
            raise Refused("too-large", path=path)
        if await self._is_there(key, path=path):
            # Asked before: S3 says so only when all parts are up.
            return None
        opened = await self._send(
            "create_multipart_upload", path, Key=key, ContentType=_CONTENT_TYPE, ChecksumAlgorithm="SHA256"
        )
        upload = {"Key": key, "UploadId": opened["UploadId"]}
        try:
            parts: list[dict[str, Any]] = []
            while chunk := file.read(chunk_bytes):
                checksum = sha256_base64(chunk)
                part = {"PartNumber": len(parts) + 1, "ChecksumSHA256": checksum}
                sent = await self._send(
                    "upload_part", path, **upload, **part, Body=chunk, ChecksumAlgorithm="SHA256"
                )
                parts.append({**part, "ETag": sent["ETag"]})
            answer = await self._send(
                "complete_multipart_upload", path, **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            await self._abort(upload, path)
            raise
        return Fingerprint(mine.size, answer.get("ChecksumSHA256", mine.checksum))

    async def _is_there(self, key: str, *, path: str) -> bool:
        try:
            await self.stat(key, path=path)
        except Missing:
            return False
        except Blocked as error:
            # Who may not list is told 403 for what is missing.
            if error.cause != "http-403":
                raise
            return False
        return True

    async def _abort(self, upload: dict[str, str], path: str) -> None:
        try:
            await self._send("abort_multipart_upload", path, **upload)
        except (StoreError, asyncio.CancelledError):
            # What it was given up for is raised. Its parts are no object, and cost until a lifecycle rule for
            # incomplete uploads removes them.
            return

    async def stat(self, key: str, *, path: str) -> Fingerprint:
        """What is stored. Raises Missing."""
        answer = await self._send("head_object", path, Key=key, ChecksumMode="ENABLED")
        return Fingerprint(answer["ContentLength"], answer.get("ChecksumSHA256"))

    async def created(self, key: str, *, path: str) -> int:
        """When the object was made, nanoseconds since the epoch, to the second. Raises Missing."""
        answer = await self._send("head_object", path, Key=key)
        made: timedelta = answer["LastModified"] - _EPOCH
        return made // timedelta(microseconds=1) * 1000

    async def replace(self, key: str, content: bytes, *, path: str) -> None:
        """Upload in one request, whatever is there. For probes."""
        checksum = sha256_base64(content)
        await self._send(
            "put_object", path, Key=key, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum
        )

    async def delete(self, key: str, *, path: str) -> None:
        """Delete an object. For probes."""
        await self._send("delete_object", path, Key=key)

    async def download(self, key: str, *, path: str) -> bytes:
        """All bytes of an object, held to its SHA-256 if S3 keeps one of the whole. Raises Missing."""
        answer = await self._send("get_object", path, Key=key, ChecksumMode="ENABLED")
        stated, content = answer.get("ChecksumSHA256", "-"), answer["Body"]
        if "-" not in stated and stated != sha256_base64(content):
            raise Retry("damaged-on-the-way", path=path)
        return bytes(content)

    async def download_range(self, key: str, start: int, end: int, *, path: str) -> bytes:
        """The bytes from ``start`` up to, not including, ``end``. Raises Missing."""
        answer = await self._send("get_object", path, Key=key, Range=f"bytes={start}-{end - 1}")
        content: bytes = answer["Body"]
        data = content if "ContentRange" in answer else content[start:end]
        if len(data) != end - start:
            raise Retry("connection-lost", path=path)
        return data

    async def download_tail(self, key: str, *, path: str) -> tuple[int, bytes]:
        """Size of an object and its last bytes. Raises Missing."""
        try:
            answer = await self._send("get_object", path, Key=key, Range=f"bytes=-{TAIL_BYTES}")
        except _Empty:
            return 0, b""
        content: bytes = answer["Body"]
        if "ContentRange" not in answer:
            return len(content), content
        total = re.fullmatch(r"bytes [^/]*/(\d+)", answer["ContentRange"])
        if total is None:
            raise Retry("answer-without-range", path=path)
        return int(total[1]), content

    async def page(self, prefix: str, token: str) -> tuple[list[tuple[str, int]], str]:
        """A page of a listing, in order of key, and the token of the next page, empty on the last."""
        further = {"ContinuationToken": token} if token else {}
        try:
            answer = await self._send("list_objects_v2", "", Prefix=prefix, MaxKeys=_PAGE, **further)
        except Missing as error:
            raise Blocked("bucket-missing") from error
        items = [(item["Key"], item["Size"]) for item in answer.get("Contents", ())]
        return items, answer.get("NextContinuationToken", "")

    async def _send(self, operation: str, path: str, **parameters: Any) -> dict[str, Any]:
        """One request; a body in its answer is read to its end."""
        with s3_errors_translated(path):
            try:
                async with asyncio.timeout(self._timeout_s):
                    async with self._opening:
                        if self._client is None:
                            self._client = await self._open_client()
                    answer: dict[str, Any] = await getattr(self._client, operation)(
                        Bucket=self._bucket, **parameters
                    )
                    if "Body" in answer:
                        answer["Body"] = await answer["Body"].read()
                    return answer
            except ClientError as error:
                if status_of(error) == 412:
                    raise _Exists("exists", path=path) from error
                if status_of(error) == 416:
                    raise _Empty("no-range", path=path) from error
                raise


class _Exists(StoreError):
    """A conditional write found an object."""


class _Empty(StoreError):
    """No range can be had of an empty object."""
