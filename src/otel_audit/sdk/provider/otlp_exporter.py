"""OTLP/HTTP to ``/v1/audit`` of a sink, in JSON.

The draft's "OTLP transport requirements" and ``collector.md``, "HTTP Status Codes" and "Retry Guidance":

1. The endpoint is one of its own. A partial success is a failure of all.
2. 202, 429, 503 and other errors of a server may go through later. 400, 409 and 413 never will; with 401, 403, and
   where nothing takes exports, somebody has to act first.
3. A record counts as acknowledged when the answer has a receipt for it.

One connection is kept. Redirects are not followed, since records would go where nobody meant them to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from otel_audit.audit_signal.names import PATH
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.provider.exporting import ExportResult, Failure
from otel_audit.sdk.provider.otlp_json import encode_request

if TYPE_CHECKING:
    import http.client
    import ssl

__all__ = ["ENDPOINT_VARIABLES", "OTLPAuditExporter"]

ENDPOINT_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_AUDIT_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The first is a whole URL, the second a base that the path is added to, as for the other signals."""

_DEFAULT: Final = f"http://localhost:4318{PATH}"

_FAILURES: Final[dict[int, Failure]] = {
    400: "refused", 409: "refused", 413: "refused", 422: "refused",
    401: "denied", 403: "denied", 404: "denied", 405: "denied", 415: "denied",
}  # fmt: skip

_MAX_ANSWER: Final = 16 << 20
_MAX_REASON: Final = 300
_MOMENT_S: Final = 0.001


class OTLPAuditExporter:
    """Exports to a sink. One thread at a time may export; a lock of the processor sees to that.

    Args:
        endpoint: whole URL; by default of the environment (:data:`ENDPOINT_VARIABLES`), else a sink on this machine.
        headers: sent with each request, such as ``authorization``.
        certificate_file: PEM of authorities that prove the sink; by default those of the system.
        client_certificate_file: PEM of a certificate that proves this process …
        client_key_file: … and its key.

    Raises:
        ConfigurationError: the endpoint is no http or https URL, or has a password in it.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        certificate_file: str | None = None,
        client_certificate_file: str | None = None,
        client_key_file: str | None = None,
    ) -> None:
        url = urlsplit(endpoint or _from_environment())
        if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc:
            raise ConfigurationError("an endpoint is an http:// or https:// URL without a user")
        self._is_secure, self._host, self._port = url.scheme == "https", url.hostname, url.port
        self._path = (url.path or PATH) + (f"?{url.query}" if url.query else "")
        self._headers = {"content-type": "application/json", **(headers or {})}
        self._files = certificate_file, client_certificate_file, client_key_file
        self._connection: http.client.HTTPConnection | None = None
        self._pid = os.getpid()
        self._is_shut_down = False

    def export(self, records: Sequence[LogData], timeout_s: float) -> ExportResult:
        """As every exporter."""
        if self._is_shut_down:
            return ExportResult(failure="refused", cause="the exporter is shut down")
        ids = [str(record.attributes[RECORD_ID]) for record in records]
        deadline_s = time.monotonic() + timeout_s
        try:
            status, retry_after, content = self._post(encode_request(records), deadline_s)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001  (http.client, ssl and the system raise dozens of kinds)
            self._disconnect()
            return ExportResult(failure="retry", cause=f"the sink cannot be reached: {type(error).__name__}")
        return _read_answer(status, retry_after, content, ids)

    def force_flush(self, timeout_s: float) -> bool:
        """As every exporter: nothing is held back here."""
        return True

    def shutdown(self, timeout_s: float) -> bool:
        """As every exporter."""
        self._is_shut_down = True
        self._disconnect()
        return True

    def _post(self, body: bytes, deadline_s: float) -> tuple[int, str | None, bytes]:
        is_kept = self._connection is not None
        try:
            return self._request(body, deadline_s)
        except ConnectionError:
            # A kept connection may have been closed by the other end while it was idle; the ids make it safe.
            if not is_kept:
                raise
        self._disconnect()
        return self._request(body, deadline_s)

    def _request(self, body: bytes, deadline_s: float) -> tuple[int, str | None, bytes]:
        connection = self._connect(deadline_s)
        connection.request("POST", self._path, body, self._headers)
        self._hurry(connection, deadline_s)
        response = connection.getresponse()
        parts: list[bytes] = []
        while part := response.read1(1 << 16):
            parts.append(part)
            if sum(map(len, parts)) > _MAX_ANSWER:
                raise ValueError("the answer is too large")
            self._hurry(connection, deadline_s)
        # Else the connection takes no further request: an empty read is no end to it.
        response.close()
        return response.status, response.headers.get("retry-after"), b"".join(parts)

    def _connect(self, deadline_s: float) -> http.client.HTTPConnection:
        # Not at the top: it brings ssl, which nothing of ours may load before the application does.
        import http.client  # noqa: PLC0415

        if self._pid != os.getpid():
            # A forked child has a connection of its own, and leaves its parent's alone.
            self._pid, self._connection = os.getpid(), None
        if self._connection is None:
            if self._is_secure:
                self._connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls())
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port)
        self._connection.timeout = max(_MOMENT_S, deadline_s - time.monotonic())
        self._hurry(self._connection, deadline_s)
        return self._connection

    def _hurry(self, connection: http.client.HTTPConnection, deadline_s: float) -> None:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left_s)

    def _tls(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415  (likewise)

        authorities, certificate, key = self._files
        try:
            context = ssl.create_default_context(cafile=authorities)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if certificate is not None:
                context.load_cert_chain(certificate, key)
        except OSError:
            raise ConfigurationError("a certificate or key file for the sink cannot be read") from None
        return context

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _from_environment() -> str:
    whole, base = (os.environ.get(name, "").strip() for name in ENDPOINT_VARIABLES)
    return whole or (base.rstrip("/") + PATH if base else _DEFAULT)


def _read_answer(status: int, retry_after: str | None, content: bytes, ids: Sequence[str]) -> ExportResult:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    told: dict[str, Any] = answer if isinstance(answer, dict) else {}
    wait_s = _seconds(told.get("retry_after")) or _seconds(retry_after)
    if status != 200:
        reason = str(told.get("reason") or "")[:_MAX_REASON]
        cause = f"the sink answered {status}" + (f": {reason}" if reason else "")
        # A redirect goes nowhere until somebody mends the endpoint.
        failure = "denied" if 300 <= status < 400 else _FAILURES.get(status, "retry")
        return ExportResult(failure=failure, cause=cause, retry_after_s=wait_s)
    if told.get("partialSuccess") or told.get("partial_success"):
        return ExportResult(failure="retry", cause="the sink took only a part", retry_after_s=wait_s)
    parts = told.get("record_status_map")
    answers = parts if isinstance(parts, dict) else {told.get("record_id"): told}
    receipts = {
        record_id: receipt
        for record_id in ids
        if (receipt := _receipt(record_id, answers.get(record_id))) is not None
    }
    return ExportResult(receipts)


def _receipt(record_id: str, answer: object) -> AuditReceipt | None:
    if not isinstance(answer, dict) or str(answer.get("status", "")).startswith(("rejected", "failed")):
        return None
    integrity_hash, at = answer.get("integrity_hash"), answer.get("sink_timestamp")
    try:
        sink_timestamp = int(at)  # type: ignore[arg-type]  # a number, or a text that is one
    except (TypeError, ValueError):
        return None
    if not isinstance(integrity_hash, str) or not integrity_hash:
        return None
    return AuditReceipt(record_id, integrity_hash, sink_timestamp)


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # likewise
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
