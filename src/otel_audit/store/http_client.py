"""HTTP requests to an object store: one place for time-outs and for what a failure means.

Every failure leaves here as a :class:`~otel_audit.errors.StoreError` with a cause from a closed set. Bodies
of failed answers are looked at for their reason and never shown.

==========================  ========  ===========================================================
what happened               error     cause
==========================  ========  ===========================================================
400, 411, 413, 414, 422     Refused   ``http-<status>``
400 for a wrong checksum    Retry     ``damaged-on-the-way``
401, 403, other 4xx, 3xx    Blocked   ``http-<status>``; ``quota`` when a 403 says so
404, 410                    Missing   ``http-<status>``; Blocked ``bucket-missing`` when a 404 says so
408, 409, 425, 429, 5xx     Retry     ``http-<status>``
name look-up                Blocked   ``dns``
certificate, handshake      Blocked   ``tls``
refused, unreachable        Retry     ``connect``
reset, closed, cut short    Retry     ``connection-lost``
too slow                    Retry     ``timeout``
==========================  ========  ===========================================================
"""

from __future__ import annotations

import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
from multidict import CIMultiDictProxy
from yarl import URL

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.base import StoreOptions

_REFUSED: Final = frozenset({400, 411, 413, 414, 422})
_RETRIED: Final = frozenset({408, 409, 425, 429})

# Reasons of https://cloud.google.com/storage/docs/json_api/v1/status-codes#403-forbidden
_QUOTA_REASONS: Final = frozenset(
    {"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"}
)

# Words of Cloud Storage's messages, where a status alone says too little.
_NO_BUCKET: Final = b"bucket does not exist"
_WRONG_CHECKSUM: Final = b"t match calculated"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that is not a failure, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class HttpClient:
    """One session of connections on one event loop; every method is called on that loop.

    Args:
        options: time-outs.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=options.request_timeout_s, connect=options.connect_timeout_s
        )
        self._session = aiohttp.ClientSession(
            # Not the resolver that aiohttp picks when aiodns is installed: it has threads of its own.
            connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
            # Corporate proxies are announced in the environment.
            trust_env=True,
        )

    async def send(
        self,
        method: str,
        url: URL,
        *,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        accept: frozenset[int] = frozenset(),
    ) -> Response:
        """Send one request and read its whole answer. Redirects are not followed.

        Args:
            method: ``GET``, ``POST`` …
            url: encoded as it goes on the wire.
            path: the object concerned, for the error.
            headers: sent as they are.
            body: sent with its length.
            accept: statuses from 300 up that are no failure here.

        Raises:
            StoreError: see the module's table.
        """
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                # A file object: aiohttp warns about large bodies in one piece.
                data=io.BytesIO(body) if body else None,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
            raise unanswered(error, path) from error
        if response.status >= 300 and response.status not in accept:
            raise _failure(response.status, content, path)
        return Response(response.status, response.headers, content)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _failure(status: int, body: bytes, path: str) -> StoreError:
    cause = f"http-{status}"
    if status == 400 and _WRONG_CHECKSUM in body:
        return Retry("damaged-on-the-way", path=path)
    if status in _REFUSED:
        return Refused(cause, path=path)
    if status in _RETRIED or status >= 500:
        return Retry(cause, path=path)
    if status in {404, 410}:
        return Blocked("bucket-missing") if _NO_BUCKET in body else Missing(cause, path=path)
    if status == 403 and _reason(body) in _QUOTA_REASONS:
        return Blocked("quota", path=path)
    return Blocked(cause, path=path)


def _reason(body: bytes) -> str:
    """The first reason in an error of Google's JSON API; empty if there is none."""
    try:
        answer: Any = orjson.loads(body)
        return str(answer["error"]["errors"][0]["reason"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""


def unanswered(error: Exception, path: str) -> StoreError:
    """The port's error for a request that got no whole answer; see the table."""
    match error:
        case aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return Blocked("dns", path=path)
        case aiohttp.ClientSSLError():
            return Blocked("tls", path=path)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return Blocked("proxy", path=path)
        case TimeoutError():
            return Retry("timeout", path=path)
        case aiohttp.ClientConnectorError():
            return Retry("connect", path=path)
        case aiohttp.InvalidURL():
            return Blocked("endpoint-not-a-url", path=path)
        case RuntimeError():
            # From asyncio and aiohttp, when a loop, session or thread is no longer to be had.
            return Retry("interpreter-exit", path=path)
        case _:
            return Retry("connection-lost", path=path)
