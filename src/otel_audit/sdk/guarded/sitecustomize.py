"""What Python imports before a program that ``otel-audit run`` starts, and before each that this starts in turn.

It stands on ``PYTHONPATH`` in the place of auto-instrumentation's own file of that name, which swallows every error.
Any Python may find it there, an old one among them: it must parse everywhere.
"""

import os
import sys

try:
    from otel_audit.sdk.guard import start_audited
except Exception as error:  # noqa: BLE001  (whatever is missing in the environment of this Python)
    sys.stderr.write(
        "otel-audit: nothing is started: "
        + sys.executable
        + " cannot load otel-audit ("
        + type(error).__name__
        + "); install otel-audit[auto] in its environment\n"
    )
    sys.stderr.flush()
    os._exit(78)
else:
    start_audited(os.path.dirname(os.path.abspath(__file__)))
