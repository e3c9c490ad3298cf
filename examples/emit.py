"""What the application itself has to say, with a receipt for a record that is durable.

Run it with::

    python examples/emit.py ./audit-log

"""

import sys

from opentelemetry.sdk.trace import TracerProvider

import otel_audit

with otel_audit.install(destination=sys.argv[1], provider=TracerProvider()):
    receipt = otel_audit.get_audit_logger().emit(
        "model.deploy",
        actor_id="u8472",
        action="DEPLOY",
        outcome="success",
        target_id="churn",
        target_type="model",
        attributes={"ticket": "CHG-1042", "approved_by": "jane.doe@example.com"},
    )
    print("durable:", receipt)
