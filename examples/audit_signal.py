"""OpenTelemetry's draft audit signal: proven records to a sink, each with a receipt.

Start a sink, then run this::

    otel-audit serve --destination ./audit-log
    python examples/audit_signal.py http://localhost:4318/v1/audit

"""

import os
import sys

import otel_audit

key = otel_audit.SigningKey(os.environ.get("PROOF_SECRET", "only for an example: 32 bytes or more").encode())
exporter = otel_audit.OTLPAuditExporter(sys.argv[1])
provider = otel_audit.AuditProvider(
    otel_audit.SigningAuditRecordProcessor(key), otel_audit.SimpleAuditRecordProcessor(exporter)
)
logger = provider.get_audit_logger("billing")

receipt = logger.emit(
    "invoice.approve",
    actor_id="u8472",
    action="APPROVE",
    outcome="success",
    target_id="4711",
    target_type="invoice",
)
print("acknowledged:", receipt)
provider.shutdown()
