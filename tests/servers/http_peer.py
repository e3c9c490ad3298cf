"""An HTTP/1.1 server that does what its client's path says, and keeps what it got."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BIG = b"0123456789abcdef" * (10 << 16)  # 10 MiB


@dataclass
class Peer:
    """What is known of it from outside.

    Attributes:
        url: without a slash at its end.
        requests: method, path, headers and body of each, in order.
        connections: how many clients opened.
        gate: what ``/gated`` and ``/v1`` wait for before they send their second piece.
        refusals: how many times ``/flaky`` still says 503.
    """

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    refusals: int = 0


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            peer.connections += 1
            super().setup()

        def handle(self) -> None:
            # Whom a client hangs up on has nothing to say.
            with suppress(ConnectionError):
                super().handle()

        def log_message(self, *_: Any) -> None:
            pass

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _any(self) -> None:
            body = self._body()
            peer.requests.append((self.command, self.path, dict(self.headers.items()), body))
            getattr(self, "_" + self.path.split("/")[1].split("?")[0].replace("-", "_"))(body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any

        def _head(self, status: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def _whole(
            self, content: bytes, status: int = 200, kind: str = "application/json", **more: str
        ) -> None:
            self._head(status, Content_Type=kind, Content_Length=str(len(content)), **more)
            if self.command != "HEAD":
                self.wfile.write(content)

        def _chunk(self, content: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

        def _chunks(self, *contents: bytes, kind: str = "text/plain", **more: str) -> None:
            self._head(200, Content_Type=kind, Transfer_Encoding="chunked", **more)
            for content in contents:
                self._chunk(content)
            self.wfile.write(b"0\r\n\r\n")

        def _echo(self, body: bytes) -> None:
            self._whole(body, kind=self.headers.get("Content-Type", "text/plain"))

        def _told(self, body: bytes) -> None:
            """What the request looked like on the wire."""
            told = {
                "length": self.headers.get("Content-Length"),
                "chunked": self.headers.get("Transfer-Encoding"),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
            self._whole(json.dumps(told).encode())

        def _headed(self, _: bytes) -> None:
            self._whole(b'{"a":1}', X_Served_By="peer-7", Set_Cookie="session=abcdef0123456789; Path=/")

        def _parts(self, _: bytes) -> None:
            self._chunks(b"one ", b"\r\n", b"two ", b"three")

        def _gated(self, _: bytes) -> None:
            self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
            self._chunk(b"data: first\n\n")
            assert peer.gate.wait(30)
            self._chunk(b"data: second\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _endless(self, _: bytes) -> None:
            self._head(200, Content_Type="text/plain", Transfer_Encoding="chunked")
            while not peer.gate.is_set():
                self._chunk(b"on and on " * 1000)

        def _gzip(self, _: bytes) -> None:
            self._whole(gzip.compress(b'{"packed": "yes"}'), Content_Encoding="gzip")

        def _gzip_parts(self, _: bytes) -> None:
            packed = gzip.compress(b'{"packed": "in parts"}')
            self._chunks(packed[:7], packed[7:], kind="application/json", Content_Encoding="gzip")

        def _bomb(self, _: bytes) -> None:
            self._whole(gzip.compress(b"0" * (20 << 20)), kind="text/plain", Content_Encoding="gzip")

        def _big(self, _: bytes) -> None:
            self._whole(BIG, kind="text/plain")

        def _short(self, _: bytes) -> None:
            self._head(200, Content_Type="text/plain", Content_Length="1000")
            self.wfile.write(b"only this")
            self.close_connection = True

        def _broken(self, _: bytes) -> None:
            self._head(200, Content_Type="text/plain", Transfer_Encoding="chunked")
            self._chunk(b"only this")
            self.close_connection = True

        def _until_closed(self, _: bytes) -> None:
            self._head(200, Content_Type="text/plain", Connection="close")
            self.wfile.write(b"until the end")

        def _moved(self, _: bytes) -> None:
            status, _, rest = self.path.removeprefix("/moved/").partition("/")
            self._whole(b"it is elsewhere", int(status), "text/plain", Location=f"/{rest}")

        def _flaky(self, body: bytes) -> None:
            peer.refusals -= 1
            if peer.refusals >= 0:
                self._whole(b"not now", 503, "text/plain")
            else:
                self._echo(body)

        def _dropped(self, body: bytes) -> None:
            """Hangs up on the first, once it has all of it."""
            peer.refusals -= 1
            if peer.refusals >= 0:
                self.close_connection = True
            else:
                self._echo(body)

        def _v1(self, body: bytes) -> None:
            """A model that says back what it was told last, in two pieces where it is asked to stream."""
            asked = json.loads(body)
            said = asked["messages"][-1]["content"] if "messages" in asked else "42"
            head = {"id": "c-1", "created": 1, "model": asked.get("model", "m"), "usage": None}
            if not asked.get("stream"):
                message = {"role": "assistant", "content": said}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                self._whole(json.dumps(head | {"object": "chat.completion", "choices": [choice]}).encode())
                return
            self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
            for delta in ({"role": "assistant", "content": said}, {"content": " and more"}):
                choice = {"index": 0, "delta": delta, "finish_reason": None}
                event = head | {"object": "chat.completion.chunk", "choices": [choice]}
                self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
                assert peer.gate.wait(30)
            self._chunk(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _empty(self, _: bytes) -> None:
            self._head(204)

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


@contextmanager
def serving() -> Iterator[Peer]:
    """A peer, until the end of the block."""
    peer = Peer()
    server = _Server(("127.0.0.1", 0), _handler(peer))
    server.daemon_threads = True
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield peer
    finally:
        peer.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
