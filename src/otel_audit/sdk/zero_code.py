"""The hooks that auto-instrumentation calls before it fetches any tracer, and after it has instrumented: nothing
happens unless we are configured.

Installed everywhere, this module imports ``os`` and ``sys``, which are there, and nothing else. A hook that raises
costs its user all instrumentation, so what is wrong ends the process in one sentence or, where
``OTEL_AUDIT_ON_ERROR=warn`` says so, is a line in the log.
"""

import os
import sys

__all__ = ["EX_CONFIG", "end", "post_instrument", "pre_instrument"]

_SWITCHES = ("OTEL_AUDIT_DESTINATION", "OTEL_AUDIT_CONFIG")

EX_CONFIG = 78
"""Exit status for a configuration error, from sysexits.h."""


def pre_instrument() -> None:
    """Attach the audit processor to the global tracer provider, where a destination or a file is configured."""
    if not any(os.environ.get(name) for name in _SWITCHES):
        return
    try:
        from otel_audit.sdk.start import attach_to_global_provider  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001  (whatever is broken in this installation)
        _refuse(error)
    else:
        attach_to_global_provider()


def post_instrument() -> None:
    """Confirm that it is still attached; called only if no instrumentor failed."""
    if not any(os.environ.get(name) for name in _SWITCHES):
        return
    try:
        from otel_audit.sdk.start import confirm  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001  (likewise)
        _refuse(error)
    else:
        confirm()


def end(line: str) -> None:
    """End the process with one line and status 78. Does not return."""
    sys.stderr.write(f"otel-audit: {line}\n")
    sys.stderr.flush()
    site = getattr(sys.modules.get("site"), "__spec__", None)
    if getattr(site, "_initializing", False):
        # From sitecustomize Python makes of SystemExit a traceback and status 1. Nothing of the program has run.
        os._exit(EX_CONFIG)
    raise SystemExit(EX_CONFIG)


def _refuse(error: Exception) -> None:
    """As ``start.refuse``, which cannot be imported."""
    missing = getattr(error, "name", None)
    what = f"{type(error).__name__}{f' of {missing}' if missing else ''}"
    line = f"nothing is audited: otel-audit cannot be loaded ({what})"
    if os.environ.get("OTEL_AUDIT_ON_ERROR") != "warn":
        end(line)
    sys.stderr.write(f"otel-audit: {line}\n")
