"""Room is counted in bytes while requests arrive, and in requests once they wait."""

from __future__ import annotations

from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.room import Room


def test_bytes_are_bounded_over_all_requests() -> None:
    room = Room(ReceiveOptions(max_waiting_bytes=100))
    assert room.hold(60)
    assert room.hold(40)
    assert not room.hold(1)
    room.release(60)
    assert room.hold(1)
    assert room.bytes == 41


def test_a_request_that_is_alone_always_has_room() -> None:
    room = Room(ReceiveOptions(max_waiting_bytes=10))
    assert room.hold(8)
    assert room.hold(8, held=8)
    assert not room.hold(1), "of another request"
    room.release(16)
    assert room.bytes == 0


def test_requests_are_bounded_once_they_are_complete() -> None:
    room = Room(ReceiveOptions(max_waiting_requests=2))
    for _ in range(2):
        assert room.hold(5)
        assert room.enter()
    assert room.hold(5)
    assert not room.enter()
    room.release(5)
    room.leave(5)
    assert room.enter()
    assert room.requests == 2
