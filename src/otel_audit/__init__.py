"""Audit records from the OpenTelemetry spans that an application already emits.

::

     doors                 one path, a batch at a time                                at rest
     ─────                 ───────────────────────────                                ───────
     sdk/      spans ─┐
                      ├─► convert ─► mask ─► spool ─► encode ─► store ─► seal      bucket / folder
     ingest    OTLP  ─┘   records    masked  durable   files     objects  manifest
                                     batch   segment            (create-  (the commit point)
                                                                 only)
                                                                            └► query

``pipeline.py`` spells the path out from top to bottom. Importing this package loads nothing else: each name
below is fetched when it is first used, so that an application which has it installed and not configured pays
nothing.
"""

TYPE_CHECKING = False  # typing is not worth its import here; type checkers know the name
if TYPE_CHECKING:
    from otel_audit import events, models
    from otel_audit.errors import AuditError, ConfigurationError, NotDurable
    from otel_audit.sdk.audit_logger import AuditLogger, AuditReceipt, get_audit_logger
    from otel_audit.sdk.audited import audited
    from otel_audit.sdk.awaiting import StrictASGIMiddleware
    from otel_audit.sdk.capture.servers.asgi import AuditASGIMiddleware
    from otel_audit.sdk.capture.servers.wsgi import AuditWSGIMiddleware
    from otel_audit.sdk.changes import changes_between
    from otel_audit.sdk.emitted import Auth, Oversight
    from otel_audit.sdk.health import Health
    from otel_audit.sdk.identity.acting import acting_as, set_user
    from otel_audit.sdk.install import Installation, install
    from otel_audit.sdk.log_processor import AuditLogRecordProcessor
    from otel_audit.sdk.processor import AuditSpanProcessor

__all__ = [
    "AuditASGIMiddleware",
    "AuditError",
    "AuditLogRecordProcessor",
    "AuditLogger",
    "AuditReceipt",
    "AuditSpanProcessor",
    "AuditWSGIMiddleware",
    "Auth",
    "ConfigurationError",
    "Health",
    "Installation",
    "NotDurable",
    "Oversight",
    "StrictASGIMiddleware",
    "__version__",
    "acting_as",
    "audited",
    "changes_between",
    "events",
    "get_audit_logger",
    "install",
    "models",
    "set_user",
]

__version__ = "0.1.0"

_HOMES = {
    "AuditASGIMiddleware": "otel_audit.sdk.capture.servers.asgi",
    "AuditError": "otel_audit.errors",
    "AuditLogRecordProcessor": "otel_audit.sdk.log_processor",
    "AuditLogger": "otel_audit.sdk.audit_logger",
    "AuditReceipt": "otel_audit.sdk.audit_logger",
    "AuditSpanProcessor": "otel_audit.sdk.processor",
    "AuditWSGIMiddleware": "otel_audit.sdk.capture.servers.wsgi",
    "Auth": "otel_audit.sdk.emitted",
    "ConfigurationError": "otel_audit.errors",
    "Health": "otel_audit.sdk.health",
    "Installation": "otel_audit.sdk.install",
    "NotDurable": "otel_audit.errors",
    "Oversight": "otel_audit.sdk.emitted",
    "StrictASGIMiddleware": "otel_audit.sdk.awaiting",
    "acting_as": "otel_audit.sdk.identity.acting",
    "audited": "otel_audit.sdk.audited",
    "changes_between": "otel_audit.sdk.changes",
    "get_audit_logger": "otel_audit.sdk.audit_logger",
    "install": "otel_audit.sdk.install",
    "set_user": "otel_audit.sdk.identity.acting",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        from importlib import import_module  # noqa: PLC0415  (nothing is loaded before it is needed)

        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        return import_module(f"otel_audit.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
