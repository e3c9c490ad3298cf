"""Key sets from a real server: fetched once, kept, and fetched again when a key is missing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from otel_audit.tokens import feed
from otel_audit.tokens.checker import TokenChecker, TokenVerdict
from otel_audit.tokens.options import JwtOptions
from tokens.issuing import NOW, OTHER_RSA, RSA, key_set, token

VALID = TokenVerdict("allow", "", "u1")


class Issuer:
    """Serves what ``content`` is."""

    def __init__(self) -> None:
        self.content, self.status, self.asked = key_set(a=RSA), 200, 0
        self.location = ""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(issuer.status)
                if issuer.location:
                    self.send_header("Location", issuer.location)
                self.send_header("Content-Length", str(len(issuer.content)))
                self.end_headers()
                self.wfile.write(issuer.content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def checker(self, **options: Any) -> TokenChecker:
        return TokenChecker(JwtOptions(jwks_url=self.url, audience=("shop",), **options))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


def test_keys_are_fetched_once(issuer: Issuer) -> None:
    checker = issuer.checker()
    assert issuer.asked == 0, "not before a token comes"
    assert [checker.check(token(kid="a"), NOW) for _ in range(5)] == [VALID] * 5
    assert issuer.asked == 1


def test_a_new_key_is_looked_for_and_an_unknown_one_not_again_and_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = issuer.checker()
    assert checker.check(token(kid="a"), NOW) == VALID
    issuer.content = key_set(a=RSA, b=OTHER_RSA)
    monkeypatch.setattr(feed, "_RETRY_S", 0.0)
    assert checker.check(token(OTHER_RSA, kid="b"), NOW) == VALID
    monkeypatch.setattr(feed, "_RETRY_S", 30.0)
    asked = issuer.asked
    for _ in range(20):
        assert checker.check(token(kid="zzz"), NOW) == TokenVerdict("deny", "unknown-key")
    assert issuer.asked == asked


def test_without_keys_nobody_can_tell(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.status, issuer.content = 500, b"secret detail"
    with caplog.at_level(logging.ERROR):
        assert issuer.checker().check(token(), NOW) == TokenVerdict("unknown", "keys-unavailable")
    assert "HTTPError" in caplog.text
    assert "secret detail" not in caplog.text


def test_old_keys_hold_where_new_ones_cannot_be_had(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_RETRY_S", 0.0)
    checker = issuer.checker(max_age_s=0.0)
    assert checker.check(token(kid="a"), NOW) == VALID
    issuer.content = b"{"
    assert [checker.check(token(kid="a"), NOW) for _ in range(3)] == [VALID] * 3


def test_a_redirect_to_anywhere_unsafe_is_not_followed(issuer: Issuer) -> None:
    other = Issuer()
    try:
        issuer.status, issuer.location = 302, other.url
        assert issuer.checker().check(token(kid="a"), NOW).reason == "keys-unavailable"
        assert other.asked == 0
    finally:
        other.server.shutdown()
        other.server.server_close()


def test_an_endless_answer_is_not_read(issuer: Issuer) -> None:
    issuer.content = b" " * (2 << 20)
    assert issuer.checker().check(token(kid="a"), NOW).reason == "keys-unavailable"
