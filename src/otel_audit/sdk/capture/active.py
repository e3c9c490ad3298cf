"""What is captured in this process: what any of the configurations in force asks for.

Wrappers around servers and clients ask :func:`active` once an exchange. Which of what they keep is written is
decided when the record is made, by route and model, which nobody knows when a request comes in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from otel_audit.config.settings import Capture as CaptureSettings
from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.capture.headers import HeaderNames
from otel_audit.sdk.capture.memory import MEMORY

__all__ = ["Capture", "active", "is_sole", "switch_off", "switch_on", "wants_anything", "wants_bodies"]


class Capture:
    """What is captured.

    Attributes:
        request_body: whether bodies of requests are kept.
        response_body: whether bodies of responses are kept.
        max_body_bytes: of a body, from its beginning.
        request_headers: which are kept.
        response_headers: which are kept.
    """

    __slots__ = ("max_body_bytes", "request_body", "request_headers", "response_body", "response_headers")

    def __init__(self, settings: list[CaptureSettings]) -> None:
        self.request_body = any(map(_wants_requests, settings))
        self.response_body = any(map(_wants_responses, settings))
        self.max_body_bytes = max(one.max_body_bytes for one in settings)
        self.request_headers = HeaderNames(name for one in settings for name in one.request_headers)
        self.response_headers = HeaderNames(name for one in settings for name in one.response_headers)

    def recorder(self, media_type: str = "", encoding: str = "") -> BodyRecorder:
        """A recorder for one body.

        Args:
            media_type: the ``Content-Type`` as sent, with parameters; ``""`` where none was.
            encoding: the ``Content-Encoding`` as sent; ``""`` where none was, or where the bytes that will be
                written are decoded already.
        """
        return BodyRecorder(self.max_body_bytes, media_type, encoding)


class _State:
    def __init__(self) -> None:
        self.settings: list[CaptureSettings] = []
        self.capture: Capture | None = None


_PATCHES: Final = ("otel_audit.sdk.capture.servers.patches", "otel_audit.sdk.capture.clients")
"""Modules whose ``keep_up()`` is called whenever something else is captured than before; loaded with the first."""


_state: Final = _State()


def active() -> Capture | None:
    """What is captured now; ``None`` where nothing is."""
    return _state.capture


def is_sole() -> bool:
    """Whether only one configuration in force captures."""
    return len(_state.settings) <= 1


def wants_anything(settings: CaptureSettings) -> bool:
    """Whether these settings capture anything at all."""
    return bool(
        _wants_requests(settings)
        or _wants_responses(settings)
        or settings.request_headers
        or settings.response_headers
    )


def wants_bodies(settings: CaptureSettings) -> bool:
    """Whether they capture any body."""
    return _wants_requests(settings) or _wants_responses(settings)


def switch_on(settings: CaptureSettings) -> None:
    """Capture what these settings say too. Each call is answered by one :func:`switch_off`."""
    if wants_anything(settings):
        _set([*_state.settings, settings])


def switch_off(settings: CaptureSettings) -> None:
    """Capture for these settings no more."""
    if settings in _state.settings:
        left = list(_state.settings)
        left.remove(settings)
        _set(left)


def _set(settings: list[CaptureSettings]) -> None:
    _state.settings = settings
    _state.capture = Capture(settings) if settings else None
    if settings:
        MEMORY.max_bytes = max(one.memory_max_bytes for one in settings)
    for name in _PATCHES:
        import_module(name).keep_up()


def _wants_requests(settings: CaptureSettings) -> bool:
    return settings.request_body or any(rule.request_body for rule in settings.rules)


def _wants_responses(settings: CaptureSettings) -> bool:
    return settings.response_body or any(rule.response_body for rule in settings.rules)
