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
    from otel_audit.audit_signal.keys import SigningKey
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
    from otel_audit.sdk.provider.audit_record import AuditRecord
    from otel_audit.sdk.provider.batching import BatchAuditRecordProcessor
    from otel_audit.sdk.provider.default import get_audit_provider, set_audit_provider
    from otel_audit.sdk.provider.delivery import RetryPolicy
    from otel_audit.sdk.provider.disk_buffer import DiskBuffer
    from otel_audit.sdk.provider.exporting import AuditRecordExporter, ExportResult
    from otel_audit.sdk.provider.otlp_exporter import OTLPAuditExporter
    from otel_audit.sdk.provider.processors import AuditRecordProcessor, SimpleAuditRecordProcessor
    from otel_audit.sdk.provider.provider import AuditProvider
    from otel_audit.sdk.provider.signing import SigningAuditRecordProcessor

__all__ = [
    "AuditASGIMiddleware",
    "AuditError",
    "AuditLogRecordProcessor",
    "AuditLogger",
    "AuditProvider",
    "AuditReceipt",
    "AuditRecord",
    "AuditRecordExporter",
    "AuditRecordProcessor",
    "AuditSpanProcessor",
    "AuditWSGIMiddleware",
    "Auth",
    "BatchAuditRecordProcessor",
    "ConfigurationError",
    "DiskBuffer",
    "ExportResult",
    "Health",
    "Installation",
    "NotDurable",
    "OTLPAuditExporter",
    "Oversight",
    "RetryPolicy",
    "SigningAuditRecordProcessor",
    "SigningKey",
    "SimpleAuditRecordProcessor",
    "StrictASGIMiddleware",
    "__version__",
    "acting_as",
    "audited",
    "changes_between",
    "events",
    "get_audit_logger",
    "get_audit_provider",
    "install",
    "models",
    "set_audit_provider",
    "set_user",
]

__version__ = "0.1.0"

_HOMES = {
    "AuditASGIMiddleware": "otel_audit.sdk.capture.servers.asgi",
    "AuditError": "otel_audit.errors",
    "AuditLogRecordProcessor": "otel_audit.sdk.log_processor",
    "AuditLogger": "otel_audit.sdk.audit_logger",
    "AuditProvider": "otel_audit.sdk.provider.provider",
    "AuditReceipt": "otel_audit.sdk.audit_logger",
    "AuditRecord": "otel_audit.sdk.provider.audit_record",
    "AuditRecordExporter": "otel_audit.sdk.provider.exporting",
    "AuditRecordProcessor": "otel_audit.sdk.provider.processors",
    "AuditSpanProcessor": "otel_audit.sdk.processor",
    "AuditWSGIMiddleware": "otel_audit.sdk.capture.servers.wsgi",
    "Auth": "otel_audit.sdk.emitted",
    "BatchAuditRecordProcessor": "otel_audit.sdk.provider.batching",
    "ConfigurationError": "otel_audit.errors",
    "DiskBuffer": "otel_audit.sdk.provider.disk_buffer",
    "ExportResult": "otel_audit.sdk.provider.exporting",
    "Health": "otel_audit.sdk.health",
    "Installation": "otel_audit.sdk.install",
    "NotDurable": "otel_audit.errors",
    "OTLPAuditExporter": "otel_audit.sdk.provider.otlp_exporter",
    "Oversight": "otel_audit.sdk.emitted",
    "RetryPolicy": "otel_audit.sdk.provider.delivery",
    "SigningAuditRecordProcessor": "otel_audit.sdk.provider.signing",
    "SigningKey": "otel_audit.audit_signal.keys",
    "SimpleAuditRecordProcessor": "otel_audit.sdk.provider.processors",
    "StrictASGIMiddleware": "otel_audit.sdk.awaiting",
    "acting_as": "otel_audit.sdk.identity.acting",
    "audited": "otel_audit.sdk.audited",
    "changes_between": "otel_audit.sdk.changes",
    "get_audit_logger": "otel_audit.sdk.audit_logger",
    "get_audit_provider": "otel_audit.sdk.provider.default",
    "install": "otel_audit.sdk.install",
    "set_audit_provider": "otel_audit.sdk.provider.default",
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
