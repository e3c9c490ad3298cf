"""The provider of a process, for parts of it that are not given one."""

from __future__ import annotations

import threading
from typing import Final

from otel_audit.sdk.provider.provider import AuditProvider

__all__ = ["get_audit_provider", "set_audit_provider"]


class _Default:
    lock: Final = threading.Lock()
    provider: AuditProvider | None = None


def set_audit_provider(provider: AuditProvider) -> None:
    """Make a provider the one that :func:`get_audit_provider` gives."""
    with _Default.lock:
        _Default.provider = provider


def get_audit_provider() -> AuditProvider:
    """The provider of this process; where none was set, one that writes to its own log.

    Raises:
        ConfigurationError: none was set, and the settings of the log are wrong or name no destination.
    """
    with _Default.lock:
        if _Default.provider is None:
            _Default.provider = AuditProvider()
        return _Default.provider
