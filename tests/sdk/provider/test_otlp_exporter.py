"""The exporter's own promises: where it sends, over what, and that it ends in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from audit_signal.conftest import record
from otel_audit import ConfigurationError, OTLPAuditExporter
from sdk.provider.conftest import ScriptedSink


def test_the_endpoint_comes_from_the_argument_or_the_environment(
    scripted: ScriptedSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = scripted.url.removesuffix("/v1/audit")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base)
    exporter = OTLPAuditExporter(headers={"authorization": "Bearer t"})
    assert exporter.export([record()], 5).receipts
    exporter.shutdown(0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_AUDIT_ENDPOINT", f"{base}/elsewhere")
    exporter = OTLPAuditExporter()
    assert exporter.export([record()], 5).receipts
    exporter.shutdown(0)
    assert [headers[":path"] for headers in scripted.headers] == ["/v1/audit", "/elsewhere"]
    assert scripted.headers[0]["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    "url", ["ftp://sink/v1/audit", "sink:4318", "http://user:secret@sink/v1/audit", "https://"]
)
def test_what_is_no_endpoint_is_refused_without_a_quote(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OTLPAuditExporter(url)
    assert "secret" not in str(caught.value)


def test_a_connection_is_kept_and_renewed_where_the_sink_closed_it(scripted: ScriptedSink) -> None:
    exporter = scripted.exporter()
    assert exporter.export([record()], 5).receipts
    connection = exporter._connection
    assert exporter.export([record()], 5).receipts
    assert exporter._connection is connection
    assert connection is not None
    assert connection.sock is not None
    connection.sock.shutdown(socket.SHUT_RDWR)
    assert exporter.export([record()], 5).receipts
    assert exporter._connection is not connection


def test_a_sink_that_answers_a_byte_at_a_time_is_given_up_in_time() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    exporter = OTLPAuditExporter(f"http://127.0.0.1:{server.getsockname()[1]}")
    began = time.monotonic()
    result = exporter.export([record()], 0.4)
    assert (result.failure, result.receipts) == ("retry", {})
    assert time.monotonic() - began < 2
    ended.set()
    thread.join()
    server.close()
    exporter.shutdown(0)


def test_after_shutdown_an_export_fails(scripted: ScriptedSink) -> None:
    exporter = scripted.exporter()
    assert exporter.shutdown(1)
    assert exporter.shutdown(1)
    assert exporter.force_flush(1)
    assert exporter.export([record()], 5).failure == "refused"
    assert scripted.asked == []


def test_tls_is_of_1_2_at_least_and_proves_the_sink(tmp_path: Path) -> None:
    exporter = OTLPAuditExporter("https://localhost/v1/audit")
    context = exporter._tls()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        OTLPAuditExporter("https://localhost/v1/audit", certificate_file=str(tmp_path / "none"))._tls()
