"""What runs in the process that asks a service: one question on standard input, one answer on standard output.

::

    {"service", "key", "region", "ciphertext": base64, "timeoutS"}  →  {"plaintext": base64} or {"cause": word}
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from otel_audit.kms import aws
from otel_audit.kms.causes import DecryptionError

__all__ = ["main"]


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    try:
        answer = {"plaintext": base64.b64encode(_decrypted(question)).decode()}
    except DecryptionError as error:
        answer = {"cause": error.cause}
    except Exception:  # noqa: BLE001  (whatever it was, its text may hold what was asked)
        answer = {"cause": "defect"}
    json.dump(answer, sys.stdout)


def _decrypted(question: dict[str, Any]) -> bytes:
    ciphertext = base64.b64decode(question["ciphertext"])
    if question["service"] == "awskms":
        return aws.decrypt(question["key"], question["region"], ciphertext, timeout_s=question["timeoutS"])
    # Its client is not loaded to ask another service.
    from otel_audit.kms import gcp  # noqa: PLC0415

    return gcp.decrypt(question["key"], ciphertext, timeout_s=question["timeoutS"])
