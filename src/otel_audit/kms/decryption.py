"""Has a data key decrypted, in a process of its own and within a time.

A service is asked when the application starts, often before it has patched what it patches. Its client loads ``ssl``,
is instrumented by whoever instruments, and may hang on a metadata server: so it is not loaded here.
"""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Final

from otel_audit.isolated import command
from otel_audit.kms.causes import DecryptionError
from otel_audit.kms.url import KmsUrl, as_bytes

__all__ = ["TIME_BOX_S", "decrypted"]

TIME_BOX_S: Final = 20.0
"""Time for all of it, seconds: an interpreter, a token, three attempts."""

_ATTEMPT_S: Final = 5.0


def decrypted(url: KmsUrl, ciphertext: bytes, *, time_box_s: float = TIME_BOX_S) -> bytes:
    """The plaintext of a data key.

    Args:
        url: of its service and key.
        ciphertext: as the service gave it, or its base64.
        time_box_s: time for all of it, seconds.

    Raises:
        DecryptionError: it was not decrypted.
    """
    question = {
        "service": url.service,
        "key": url.key,
        "region": url.region,
        "ciphertext": base64.b64encode(as_bytes(ciphertext)).decode(),
        "timeoutS": _ATTEMPT_S,
    }
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and module)
            command("otel_audit.kms.answering"),
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=time_box_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Not the cause of what is raised: it holds what had been answered.
        cause = "time-out"
    except OSError:
        cause = "interpreter"
    else:
        try:
            answer = json.loads(done.stdout)
            if "plaintext" in answer:
                return base64.b64decode(answer["plaintext"], validate=True)
            cause = answer["cause"]
        except (ValueError, KeyError, TypeError):
            cause = "defect"
    raise DecryptionError(cause)
