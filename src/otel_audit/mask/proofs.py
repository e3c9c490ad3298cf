"""Signatures that prove a record: base64 of random bytes, which no recogniser of keys can tell from a key.

A proof that is withheld proves nothing any more. So what stands where a proof stands and can be nothing else is
left as it is: it has the length of one, and no text is hidden in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

__all__ = ["PROOF", "is_proof"]

PROOF: Final = "audit.integrity.value"
"""Attribute of the draft of the audit signal (OTEP 0267)."""

_SIZES: Final = frozenset({32, 48, 64, 96, 114, 128, 132, 256, 384, 512, *range(68, 73), *range(100, 105)})
"""Bytes: HMACs, EdDSA, ECDSA in both forms, RSA from 1,024 to 4,096 bits (RFC 7518, RFC 8032)."""

_HIDDEN_TEXT: Final = re.compile(rb"[\x20-\x7e]{12}|[0-9]{7}")
"""Of random bytes, one proof in some hundreds shows so much by chance, and is withheld."""


def is_proof(text: str) -> bool:
    """Whether a text is a proof and nothing else."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(content) in _SIZES and _HIDDEN_TEXT.search(content) is None
