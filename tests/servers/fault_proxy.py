"""A proxy between a client and a server, that injects what networks and clouds do.

It speaks HTTP/1.1 over plain sockets, one request a connection, and listens on ``localhost``. Each fault is
used up as often as it says; a request that no fault takes goes through unchanged. Every request is noted, so
that a test can also say what was *not* asked.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def opens_upload(self) -> bool:
        return self.method == "POST" and "/upload/" in self.target and "upload_id" not in self.query

    @property
    def carries_bytes(self) -> bool:
        return "upload_id" in self.query

    @property
    def is_listing(self) -> bool:
        return self.method == "GET" and self.path.endswith("/o")


class Action(Enum):
    """What happens instead of passing a request on."""

    RESET = "the connection is reset, the server sees nothing"
    LOSE_ANSWER = "the server does its work, its answer is lost"
    STALL = "nothing ever answers"
    DRIP = "the answer comes a byte at a time, for as long as anybody waits"
    CUT_ANSWER = "the answer ends before its last byte"
    IGNORE_CONDITIONS = "the server is not told under which condition"
    DAMAGE_REQUEST = "one byte of the request's body is changed"
    DAMAGE_ANSWER = "one byte of the answer's body is changed"


@dataclass(frozen=True)
class Answer:
    """Given in place of the server's."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hold:
    """The request is passed on once a test says so."""

    arrived: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@dataclass
class Fault:
    """Takes the next ``times`` requests that match.

    Attributes:
        on: which requests.
        act: what happens to them.
        times: how often.
    """

    on: Callable[[Request], bool]
    act: Action | Answer | Hold
    times: int = 1


@dataclass
class FaultProxy:
    """Forwards to ``localhost:<upstream>``."""

    upstream: int
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("localhost", 0), family=socket.AF_INET, backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"http://localhost:{self.port}"
        threading.Thread(target=self._accept, name="fault-proxy", daemon=True).start()

    def add(self, on: Callable[[Request], bool], act: Action | Answer | Hold, times: int = 1) -> None:
        """Inject a fault, before those that were added earlier."""
        with self._lock:
            self.faults.insert(0, Fault(on, act, times))

    def stop(self) -> None:
        """Close everything; what stalls is reset. Repeatable."""
        # shutdown() wakes accept(); close() alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()

    def reset_all(self) -> None:
        """End every connection that is open, what stalls and drips among them."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                request = _read_request(connection)
                if request is not None:
                    self._answer(connection, request)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, request: Request) -> None:
        with self._lock:
            self.requests.append(request)
            fault = next((each for each in self.faults if each.times and each.on(request)), None)
            if fault is not None:
                fault.times -= 1
        act = fault.act if fault is not None else None
        match act:
            case Answer(status, body, headers):
                fields = {"Content-Length": str(len(body)), **headers, "Connection": "close"}
                head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
                shown = b"" if request.method == "HEAD" else body
                connection.sendall(f"HTTP/1.1 {status} Injected\r\n{head}\r\n".encode() + shown)
            case Hold(arrived, go_on):
                arrived.set()
                go_on.wait(60)
                connection.sendall(self._forward(request))
            case Action.RESET:
                _reset(connection)
            case Action.STALL:
                connection.recv(1)  # until either side gives up
            case Action.DRIP:
                pause = threading.Event()
                for byte in self._forward(request):
                    connection.sendall(bytes([byte]))
                    pause.wait(0.1)
            case Action.LOSE_ANSWER:
                self._forward(request)
                _reset(connection)
            case Action.CUT_ANSWER:
                connection.sendall(self._forward(request)[:-1])
            case Action.IGNORE_CONDITIONS:
                headers = {name: value for name, value in request.headers.items() if name != "if-none-match"}
                connection.sendall(self._forward(replace(request, headers=headers)))
            case Action.DAMAGE_REQUEST:
                damaged = Request(request.method, request.target, request.headers, _damage(request.body))
                connection.sendall(self._forward(damaged))
            case Action.DAMAGE_ANSWER:
                connection.sendall(_damage(self._forward(request)))
            case _:
                connection.sendall(self._forward(request))

    def _forward(self, request: Request) -> bytes:
        headers = {**request.headers, "connection": "close", "content-length": str(len(request.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(("localhost", self.upstream)) as server:
            server.sendall(
                f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.body
            )
            return b"".join(iter(lambda: server.recv(2**16), b""))


@contextlib.contextmanager
def fault_proxy(upstream: int) -> Iterator[FaultProxy]:
    """A proxy for one test."""
    proxy = FaultProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.stop()


def _read_request(connection: socket.socket) -> Request | None:
    with connection.makefile("rb") as file:
        line = file.readline().decode().split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while (header := file.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.pop("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(headers.get("content-length", "0"))
        body = file.read(length)
        if len(body) < length:
            # Whoever sent it is gone. Passed on with its own length, half a request would look like a whole one.
            return None
    return Request(line[0], line[1], headers, body)


def _damage(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _reset(connection: socket.socket) -> None:
    """Make the coming close send RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
