"""The few requests to Cloud Storage that a store needs, as its JSON API defines them.

Objects: https://cloud.google.com/storage/docs/json_api/v1/objects
Resumable uploads: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote, urlencode

import google_crc32c
import orjson
from yarl import URL

from otel_audit.errors import Blocked, Missing, Retry
from otel_audit.store.content import blocks, compare_sha256, open_content
from otel_audit.store.http_client import HttpClient, Response
from otel_audit.store.ranges import TAIL_BYTES

_PAGE: Final = 1000
"""Most objects that one page of a listing may have."""

_CONTENT_TYPE: Final = "application/octet-stream"
"""Of every object: with a better known one, a server might compress what it sends."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What Cloud Storage tells of an object's content.

    Attributes:
        size: bytes.
        crc32c: of all bytes, big-endian, base64.
        md5: of all bytes, base64; None for an object composed of others.
    """

    size: int
    crc32c: str
    md5: str | None

    @classmethod
    def of(cls, content: bytes | Path, *, path: str, sha256: str) -> Fingerprint:
        """Read the content once. Raises IntegrityError if it has another SHA-256 or cannot be read."""
        ours, md5, crc32c, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, 0
        for block in blocks(content, path=path):
            ours.update(block)
            md5.update(block)
            crc32c = google_crc32c.extend(crc32c, block)
            size += len(block)
        compare_sha256(ours.hexdigest(), path=path, sha256=sha256)
        return cls(size, _base64(crc32c.to_bytes(4, "big")), _base64(md5.digest()))

    def agrees(self, stored: Fingerprint) -> bool | None:
        """Whether ``stored`` is of the same content; None if it is composed, and of the same size."""
        if stored.md5 is None and stored.size == self.size:
            return None
        return stored == self

    @classmethod
    def read(cls, resource: bytes) -> Fingerprint:
        """From an object resource of the API."""
        fields: dict[str, Any] = orjson.loads(resource)
        return cls(int(fields["size"]), fields["crc32c"], fields.get("md5Hash"))


class GcsApi:
    """Requests about one bucket; every method is called on the loop of ``http``.

    Args:
        http: sends them.
        endpoint: scheme, host and port.
        bucket: its name.
        authorize: adds credentials to the headers of a request.
        forget: has credentials looked for again at the next request.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        endpoint: str,
        bucket: str,
        authorize: Callable[[dict[str, str]], None],
        forget: Callable[[], None],
    ) -> None:
        self._http, self._endpoint = http, URL(endpoint)
        self._authorize, self._forget = authorize, forget
        self._bucket = quote(bucket, safe="")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def after_blocked(self, cause: str) -> None:
        """Look for credentials again after a 401: somebody may put others in place."""
        if cause == "http-401":
            self._forget()

    async def upload(
        self, key: str, content: bytes | Path, mine: Fingerprint, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        """Create an object by a resumable upload, in chunks.

        Returns:
            What is stored now; None if the object exists, before or since.
        """
        resource = {
            "name": key,
            "contentType": _CONTENT_TYPE,
            "md5Hash": mine.md5,
            "crc32c": mine.crc32c,
        }
        try:
            session = await self._send(
                "POST",
                f"/upload/storage/v1/b/{self._bucket}/o",
                {"uploadType": "resumable", "ifGenerationMatch": "0"},
                path=path,
                headers={"Content-Type": "application/json", "X-Upload-Content-Length": str(mine.size)},
                body=orjson.dumps(resource),
                accept=frozenset({412}),
            )
        except Missing as error:
            raise Blocked("bucket-missing") from error
        if session.status == 412:
            return None
        try:
            location = URL(session.headers["Location"], encoded=True)
            location.origin()
        except (KeyError, ValueError) as error:
            raise Retry("upload-without-session", path=path) from error
        with open_content(content, path=path) as file:
            return await self._send_chunks(location, file, mine.size, path=path, chunk_bytes=chunk_bytes)

    async def _send_chunks(
        self, location: URL, file: BinaryIO, size: int, *, path: str, chunk_bytes: int
    ) -> Fingerprint | None:
        offset = 0
        while True:
            file.seek(offset)
            chunk = file.read(chunk_bytes)
            span = f"{offset}-{offset + len(chunk) - 1}" if chunk else "*"
            headers = {"Content-Range": f"bytes {span}/{size}", "Content-Type": _CONTENT_TYPE}
            if location.origin() == self._endpoint.origin():
                # The session's address is a credential by itself: elsewhere nothing is added to it.
                self._authorize(headers)
            try:
                # Not PUT: aiohttp sends that again by itself when a connection breaks.
                answer = await self._http.send(
                    "POST", location, path=path, headers=headers, body=chunk, accept=frozenset({308, 412})
                )
            except Missing as error:
                raise Retry("upload-session-lost", path=path) from error
            if answer.status == 412:
                return None
            if answer.status != 308:
                return Fingerprint.read(answer.body)
            stored = _end_of_range(answer.headers.get("Range", ""))
            if stored <= offset:
                raise Retry("upload-without-progress", path=path)
            offset = stored

    async def stat(self, key: str, *, path: str) -> Fingerprint:
        """What is stored. Raises Missing."""
        answer = await self._send("GET", self._object(key), {"fields": "size,crc32c,md5Hash"}, path=path)
        return Fingerprint.read(answer.body)

    async def created(self, key: str, *, path: str) -> int:
        """When the object was made, nanoseconds since the epoch. Raises Missing."""
        answer = await self._send("GET", self._object(key), {"fields": "timeCreated"}, path=path)
        made = datetime.fromisoformat(orjson.loads(answer.body)["timeCreated"]) - _EPOCH
        return made // timedelta(microseconds=1) * 1000

    async def replace(self, key: str, content: bytes, *, path: str) -> None:
        """Upload in one request, whatever is there. For probes."""
        query = {"uploadType": "media", "name": key}
        headers = {"Content-Type": _CONTENT_TYPE}
        where = f"/upload/storage/v1/b/{self._bucket}/o"
        await self._send("POST", where, query, path=path, headers=headers, body=content)

    async def delete(self, key: str, *, path: str) -> None:
        """Delete an object. For probes. Raises Missing."""
        await self._send("DELETE", self._object(key), {}, path=path)

    async def download(self, key: str, *, path: str) -> bytes:
        """All bytes of an object, held to the checksum that Cloud Storage keeps of it. Raises Missing."""
        answer = await self._send("GET", f"/download{self._object(key)}", {"alt": "media"}, path=path)
        # Sent as one header with a comma, or twice.
        stated = re.findall(r"crc32c=([^,\s]+)", ",".join(answer.headers.getall("X-Goog-Hash", [])))
        if stated and stated[0] != _base64(google_crc32c.value(answer.body).to_bytes(4, "big")):
            raise Retry("damaged-on-the-way", path=path)
        return answer.body

    async def download_range(self, key: str, start: int, end: int, *, path: str) -> bytes:
        """The bytes from ``start`` up to, not including, ``end``. Raises Missing."""
        answer = await self._media(key, f"bytes={start}-{end - 1}", path=path)
        data = answer.body[start:end] if answer.status == 200 else answer.body
        if len(data) != end - start:
            raise Retry("connection-lost", path=path)
        return data

    async def download_tail(self, key: str, *, path: str) -> tuple[int, bytes]:
        """Size of an object and its last bytes. Raises Missing."""
        answer = await self._media(key, f"bytes=-{TAIL_BYTES}", path=path)
        if answer.status == 416:
            return 0, b""  # no range of an empty object can be had
        if answer.status == 200:
            return len(answer.body), answer.body
        total = re.fullmatch(r"bytes [^/]*/(\d+)", answer.headers.get("Content-Range", ""))
        if total is None:
            raise Retry("answer-without-range", path=path)
        return int(total[1]), answer.body

    async def page(self, prefix: str, token: str) -> tuple[list[tuple[str, int]], str]:
        """A page of a listing, in order of key.

        Returns:
            Key and size of each object, and the token of the next page, empty on the last.
        """
        query = {"prefix": prefix, "maxResults": str(_PAGE), "fields": "items(name,size),nextPageToken"}
        if token:
            query["pageToken"] = token
        try:
            answer = await self._send("GET", f"/storage/v1/b/{self._bucket}/o", query, path="")
        except Missing as error:
            raise Blocked("bucket-missing") from error
        fields: dict[str, Any] = orjson.loads(answer.body)
        items = [(item["name"], int(item["size"])) for item in fields.get("items", ())]
        return items, fields.get("nextPageToken", "")

    async def _media(self, key: str, span: str, *, path: str) -> Response:
        return await self._send(
            "GET",
            f"/download{self._object(key)}",
            {"alt": "media"},
            path=path,
            headers={"Range": span},
            accept=frozenset({416}),
        )

    async def _send(
        self,
        method: str,
        where: str,
        query: dict[str, str],
        *,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        accept: frozenset[int] = frozenset(),
    ) -> Response:
        url = URL(f"{self._endpoint.origin()}{where}?{urlencode(query)}", encoded=True)
        # Objects are stored as they are; asked for a compressed answer, a server may compress ranges too.
        headers = {"Accept-Encoding": "identity", **(headers or {})}
        self._authorize(headers)
        return await self._http.send(method, url, path=path, headers=headers, body=body, accept=accept)

    def _object(self, key: str) -> str:
        return f"/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}"


def _end_of_range(text: str) -> int:
    """How many bytes a session has, from ``bytes=0-<last>``; 0 if it says nothing."""
    match = re.fullmatch(r"bytes=0-(\d+)", text)
    return int(match[1]) + 1 if match else 0


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
