"""The hook that auto-instrumentation calls before it fetches any tracer: nothing happens unless we are configured.

Installed everywhere, this module imports ``os`` and nothing else. A hook that raises costs its user all
instrumentation, so what is wrong ends the process in one sentence or, where ``OTEL_AUDIT_ON_ERROR=warn`` says
so, is a line in the log.
"""

import os

__all__ = ["pre_instrument"]

_SWITCHES = ("OTEL_AUDIT_DESTINATION", "OTEL_AUDIT_CONFIG")


def pre_instrument() -> None:
    """Attach the audit processor to the global tracer provider, where a destination or a file is configured."""
    if not any(os.environ.get(name) for name in _SWITCHES):
        return
    from otel_audit.sdk.start import attach_to_global_provider  # noqa: PLC0415

    attach_to_global_provider()
