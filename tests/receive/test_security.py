"""Who may send, and that it is the connection that says who it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import requests
from click.testing import CliRunner
from cryptography import x509

from otel_audit.cli.main import cli
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.addresses import Address
from otel_audit.receive.certificates import Certificates, TlsFiles
from otel_audit.receive.desk import Desk
from otel_audit.receive.doors import DoorOptions, Doors
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.token_file import Token, digest_of, read_tokens, write_tokens
from receive.certs import Authority, Pair
from receive.conftest import SinkProcess, StartSink, export_of

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}


def token(file: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["token", "new", str(file), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def post(sink: SinkProcess, secret: str | None, name: str = "GET", path: str = "/v1/traces") -> int:
    headers = PROTOBUF | ({} if secret is None else {"authorization": f"Bearer {secret}"})
    body = b"" if path != "/v1/traces" else export_of(name).SerializeToString()
    return requests.post(f"{sink.http}{path}", body, headers=headers, timeout=10).status_code


def export(channel: grpc.Channel, name: str, secret: str | None = None) -> grpc.StatusCode:
    metadata = () if secret is None else (("authorization", f"Bearer {secret}"),)
    try:
        channel.unary_unary(TRACES)(export_of(name).SerializeToString(), timeout=10, metadata=metadata)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_tokens_say_who_sends_and_for_whom(start_sink: StartSink, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    ours = token(file, "collector-eu", "--tenant", "acme", "--days", "30")
    logs_only = token(file, "log-shipper", "--signal", "logs")
    sink = start_sink("--tokens", str(file))

    assert post(sink, ours, "http") == 200
    assert [post(sink, secret) for secret in (None, "", "oat_wrong", ours + "x", ours[:-1])] == [401] * 5
    assert post(sink, logs_only) == 403
    assert post(sink, logs_only, path="/v1/logs") == 200
    refused = requests.post(f"{sink.http}/v1/traces", b"", headers=PROTOBUF, timeout=10)
    assert refused.headers["www-authenticate"] == "Bearer"
    with grpc.insecure_channel(sink.grpc) as channel:
        assert export(channel, "grpc", ours) is grpc.StatusCode.OK
        assert export(channel, "x") is grpc.StatusCode.UNAUTHENTICATED
        assert export(channel, "x", "oat_wrong") is grpc.StatusCode.UNAUTHENTICATED
        assert export(channel, "x", logs_only) is grpc.StatusCode.PERMISSION_DENIED
    assert requests.get(f"{sink.http}/healthz", timeout=10).status_code == 200
    assert requests.get(f"{sink.http}/metrics", timeout=10).status_code == 401
    bearer = {"authorization": f"Bearer {ours}"}
    assert requests.get(f"{sink.http}/metrics", headers=bearer, timeout=10).status_code == 200

    code, said = sink.stop()
    assert code == 0
    found = sink.records()
    assert {record["spanName"] for record in found} == {"http", "grpc"}
    assert {record["tenant"] for record in found} == {"acme"}
    assert {json.dumps(record["sender"], sort_keys=True) for record in found} == {
        '{"address": "127.0.0.1", "id": "collector-eu", "method": "bearer"}'
    }
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert ours.encode() not in written
    assert ours not in said


def test_tokens_are_rotated_and_revoked_while_the_server_runs(start_sink: StartSink, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    first = token(file, "collector")
    sink = start_sink("--tokens", str(file))
    assert post(sink, first) == 200

    second = token(file, "collector")
    await_status(sink, second, 200)
    assert post(sink, first) == 200
    listed = CliRunner().invoke(cli, ["token", "list", str(file)]).stdout
    assert listed.count("collector") == 2
    old = next(known.id for known in read_tokens(file) if known.sha256 == digest_of(first))
    assert CliRunner().invoke(cli, ["token", "revoke", str(file), old]).exit_code == 0
    await_status(sink, first, 401)
    assert post(sink, second) == 200

    # A file that is broken locks nobody out, and lets nobody in.
    file.write_text("{", encoding="ascii")
    await_status(sink, first, 401)
    assert post(sink, second) == 200
    assert CliRunner().invoke(cli, ["token", "revoke", str(file), old]).exit_code == 2


def test_a_token_that_has_expired_is_worth_nothing(start_sink: StartSink, tmp_path: Path) -> None:
    file, now = tmp_path / "tokens.json", datetime.now(UTC)
    over = Token("late", digest_of("oat_over"), now, expires_at=now - timedelta(seconds=1))
    soon = Token("early", digest_of("oat_soon"), now, expires_at=now + timedelta(days=1))
    write_tokens(file, (over, soon))
    assert file.stat().st_mode & 0o777 == 0o600
    sink = start_sink("--tokens", str(file))
    assert [post(sink, secret) for secret in ("oat_over", "oat_soon")] == [401, 200]
    assert "expired" in CliRunner().invoke(cli, ["token", "list", str(file)]).stdout


def await_status(sink: SinkProcess, secret: str, status: int) -> None:
    pause = threading.Event()
    for _ in range(100):
        if post(sink, secret) == status:
            return
        pause.wait(0.1)
    raise AssertionError(f"no {status}")


def test_tls_on_both_doors_and_certificates_that_are_renewed_without_a_restart(
    start_sink: StartSink, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    pair = authority.server(common_name="before")
    sink = start_sink("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))
    body = export_of("https").SerializeToString()
    url = f"https://{sink.http.removeprefix('http://')}/v1/traces"
    trusted = str(authority.certificate)
    with requests.Session() as session:
        for _ in range(2):
            assert session.post(url, body, headers=PROTOBUF, timeout=10, verify=trusted).status_code == 200
        with pytest.raises(requests.RequestException):
            requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10)
        with secure_channel(sink, authority) as channel:
            assert export(channel, "grpcs") is grpc.StatusCode.OK
        with grpc.insecure_channel(sink.grpc) as channel:
            assert export(channel, "x") is grpc.StatusCode.UNAVAILABLE
        assert served_name(sink.http, authority, ssl.TLSVersion.TLSv1_2) == "before"
        # Ended by the server, not by a client that would not even try.
        with pytest.raises((ssl.SSLError, ConnectionError), match=r"EOF|ALERT|reset"):
            served_name(sink.http, authority, ssl.TLSVersion.TLSv1_1)

        authority.server(common_name="after")
        pause = threading.Event()
        while (served_name(sink.http, authority), served_name(sink.grpc, authority)) != ("after", "after"):
            pause.wait(0.2)
        # Connections from before go on.
        assert session.post(url, body, headers=PROTOBUF, timeout=10, verify=trusted).status_code == 200
    with secure_channel(sink, authority) as channel:
        assert export(channel, "renewed") is grpc.StatusCode.OK

    assert sink.stop()[0] == 0
    assert {record["spanName"] for record in sink.records()} == {"https", "grpcs", "renewed"}
    assert {record["sender"]["method"] for record in sink.records()} == {"none"}


def test_certificates_that_cannot_be_used_leave_everything_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    pair = authority.server()
    certificates = Certificates(TlsFiles(pair.certificate, pair.key, authority.certificate))
    before = certificates.context
    assert not certificates.renew()
    pair.key.write_text("no key", encoding="ascii")
    assert not certificates.renew()
    assert certificates.context is before
    assert "certificates stay as they were" in caplog.text
    authority.server()
    assert certificates.renew()
    assert certificates.context is not before


def test_clients_with_certificates_are_known_by_them(start_sink: StartSink, tmp_path: Path) -> None:
    authority, others = Authority(tmp_path), Authority(tmp_path, "others")
    server = authority.server()
    spiffe = "spiffe://acme.example/ns/prod/sa/collector"
    known = authority.issue(
        "known", "a name", x509.DNSName("collector.acme.example"), x509.UniformResourceIdentifier(spiffe)
    )
    plain = authority.issue("plain", "just a name")
    stranger = others.issue("stranger", "collector")
    sink = start_sink(
        "--tls-cert", str(server.certificate), "--tls-key", str(server.key),
        "--tls-client-ca", str(authority.certificate),
    )  # fmt: skip
    url = f"https://{sink.http.removeprefix('http://')}/v1/traces"

    def send(name: str, pair: Pair | None) -> int:
        cert = None if pair is None else (str(pair.certificate), str(pair.key))
        body = export_of(name, **{"enduser.id": "u-17"}).SerializeToString()
        return requests.post(
            url, body, headers=PROTOBUF, timeout=10, verify=str(authority.certificate), cert=cert
        ).status_code

    assert [send("known", known), send("plain", plain)] == [200, 200]
    for pair in (None, stranger):
        with pytest.raises(requests.RequestException):
            send("x", pair)
        with secure_channel(sink, authority, pair) as channel:
            assert export(channel, "x") is grpc.StatusCode.UNAVAILABLE
    for name, pair in (("known over grpc", known), ("plain over grpc", plain)):
        with secure_channel(sink, authority, pair) as channel:
            assert export(channel, name) is grpc.StatusCode.OK

    assert sink.stop()[0] == 0
    senders = {record["spanName"]: record["sender"] for record in sink.records()}
    assert {name: sender["id"] for name, sender in senders.items()} == {
        "known": spiffe,
        "known over grpc": spiffe,
        "plain": "just a name",
        "plain over grpc": "just a name",
    }
    assert {sender["method"] for sender in senders.values()} == {"mtls"}
    assert {sender["address"] for sender in senders.values()} == {"127.0.0.1"}
    # Who is known is believed as far as it goes.
    assert {record["user"]["assurance"] for record in sink.records() if record["spanName"] == "known"} == {
        "asserted"
    }


def test_the_server_behind_tls_serves_nobody_else(start_sink: StartSink, tmp_path: Path) -> None:
    pair = Authority(tmp_path).server()
    sink = start_sink("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))
    inside = listening_ports(sink.process.pid) - {
        int(address.rpartition(":")[2]) for address in (sink.http, sink.grpc)
    }
    assert inside
    body = export_of("by the back door").SerializeToString()
    for port in inside:
        answer = requests.post(f"http://127.0.0.1:{port}/v1/traces", body, headers=PROTOBUF, timeout=10)
        assert answer.status_code == 403
    assert sink.stop()[0] == 0
    assert sink.records() == []


def test_handshakes_and_heads_that_never_end_hold_nobody_up(start_sink: StartSink, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.server()
    sink = start_sink("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))
    host, port = sink.http.removeprefix("http://").split(":")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with contextlib.ExitStack() as connections:
        for number in range(40):
            slow = connections.enter_context(socket.create_connection((host, int(port))))
            if number % 2:
                slow = connections.enter_context(context.wrap_socket(slow, server_hostname="localhost"))
                slow.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: sink\r\nx-slow:")
        body = export_of("GET").SerializeToString()
        url = f"https://{sink.http.removeprefix('http://')}/v1/traces"
        answer = requests.post(url, body, headers=PROTOBUF, timeout=10, verify=str(authority.certificate))
        assert answer.status_code == 200


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize(
    ("door", "begun"),
    [
        ("http", b""),
        ("http", b"POST /v1/traces HTTP/1.1\r\nhost: sink\r\nx-slow:"),
        ("grpc", b""),
        ("grpc", b"PRI * HTTP/2.0\r\n"),
    ],
)
def test_a_head_that_never_ends_is_cut_off(tmp_path: Path, door: str, begun: bytes) -> None:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    pipeline = Pipeline(pipeline_options(settings, service="sink"))
    anywhere = Address("127.0.0.1", 0)

    async def cut_off() -> bytes:
        desk = Desk(pipeline, ReceiveOptions(head_timeout_s=0.2))
        where = DoorOptions(anywhere.claim(), anywhere.claim())
        doors = Doors(desk, where)
        await doors.open()
        address = where.http if door == "http" else where.grpc
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(begun)
        async with asyncio.timeout(10):
            left = await reader.read()
        writer.close()
        assert await desk.close(10)
        await doors.close()
        return left

    assert len(asyncio.run(cut_off())) < 1_000, "a farewell at most"
    assert pipeline.close(10)


def test_a_message_is_waited_for_only_from_those_who_may_send_it(
    start_sink: StartSink, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    token(file, "collector")
    sink = start_sink("--tokens", str(file))
    withheld = threading.Event()

    def messages() -> Iterator[bytes]:
        withheld.wait(30)
        yield b""

    with grpc.insecure_channel(sink.grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.stream_unary(TRACES)(messages(), timeout=20)
        withheld.set()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("messages", "is_ended", "code"),
    [
        (0, False, grpc.StatusCode.DEADLINE_EXCEEDED),
        (0, True, grpc.StatusCode.INVALID_ARGUMENT),
        (1, False, grpc.StatusCode.DEADLINE_EXCEEDED),
        (1, True, grpc.StatusCode.OK),
        (2, True, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_call_that_is_not_one_message_is_brought_to_an_end(
    tmp_path: Path, messages: int, *, is_ended: bool, code: grpc.StatusCode
) -> None:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    pipeline = Pipeline(pipeline_options(settings, service="sink"))
    anywhere = Address("127.0.0.1", 0)

    async def call() -> grpc.StatusCode:
        desk = Desk(pipeline, ReceiveOptions(body_timeout_s=0.2))
        where = DoorOptions(anywhere.claim(), anywhere.claim())
        doors = Doors(desk, where)
        await doors.open()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{where.grpc.port}") as channel:
            begun = channel.stream_unary(TRACES)(timeout=20)
            for _ in range(messages):
                await begun.write(export_of("one").SerializeToString())
            if is_ended:
                await begun.done_writing()
            found = await begun.code()
        assert await desk.close(10)
        await doors.close()
        return found

    assert asyncio.run(call()) is code
    assert pipeline.close(10)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "anybody"),
        (["--tls-cert", "{cert}", "--tls-key", "{key}"], "anybody"),
        (["--tokens", "{tokens}"], "tokens would travel"),
        (["--tls-cert", "{cert}"], "go together"),
        (["--tls-client-ca", "{cert}"], "goes with them"),
    ],
)
def test_what_is_not_safe_is_refused_at_start(tmp_path: Path, arguments: list[str], reason: str) -> None:
    pair = Authority(tmp_path).server()
    token(tmp_path / "tokens.json", "somebody")
    places = {"cert": pair.certificate, "key": pair.key, "tokens": tmp_path / "tokens.json"}
    given = [argument.format(**places) for argument in arguments]
    result = CliRunner().invoke(
        cli,
        ["serve", "--grpc", "0.0.0.0:0", "--http", "0.0.0.0:0", "-d", str(tmp_path / "log"), *given],
        env={"OTEL_AUDIT_SPOOL": str(tmp_path / "spool")},
    )
    assert result.exit_code == 2
    assert reason in result.output


TOKEN = '{"sender":"a","sha256":"oat_secret","createdAt":"2026-01-01T00:00:00Z"}'


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"tokenFileVersion":2}', f'{{"tokenFileVersion":1,"tokens":[{TOKEN}]}}'],
)
def test_a_token_file_that_is_none_is_refused_without_a_quote(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(content, encoding="ascii")
    result = CliRunner().invoke(cli, ["token", "list", str(file)])
    assert result.exit_code == 2
    assert "oat_secret" not in result.output


def secure_channel(sink: SinkProcess, authority: Authority, pair: Pair | None = None) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(),
        None if pair is None else pair.key.read_bytes(),
        None if pair is None else pair.certificate.read_bytes(),
    )
    return grpc.secure_channel(sink.grpc, credentials)


def served_name(address: str, authority: Authority, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """Common name of the certificate that a server shows now."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = address.removeprefix("http://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        fields = tls.getpeercert()
        assert fields is not None
        return dict(part for names in fields["subject"] for part in names)["commonName"]  # type: ignore[misc]


def listening_ports(pid: int) -> set[int]:
    """Ports of IPv4 on which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            if found:
                inodes.add(found[1])
    ports = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.add(int(fields[1].partition(":")[2], 16))
    return ports
