"""What S3 knows of an object's content: its size, and a SHA-256 of a kind.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.store.base import StoreOptions
from otel_audit.store.content import blocks, compare_sha256

_PART_MIN_BYTES: Final = 5 * 2**20
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What S3 tells of an object's content.

    Attributes:
        size: bytes.
        checksum: SHA-256 of all bytes, base64; of an object that was uploaded in parts the SHA-256 of its parts'
            SHA-256, followed by ``-`` and their number; None if the object has another checksum or none.
    """

    size: int
    checksum: str | None

    @classmethod
    def of(cls, content: bytes | Path, *, path: str, sha256: str, part_bytes: int) -> Fingerprint:
        """Read the content once, which goes up in parts of this size if it is larger than one.

        Raises IntegrityError if it has another SHA-256 or cannot be read.
        """
        whole, parts, part, filled, size = hashlib.sha256(), [], hashlib.sha256(), 0, 0
        for block in blocks(content, path=path):
            whole.update(block)
            size += len(block)
            view = memoryview(block)
            while view:
                taken, view = view[: part_bytes - filled], view[part_bytes - filled :]
                part.update(taken)
                filled += len(taken)
                if filled == part_bytes:
                    parts.append(part.digest())
                    part, filled = hashlib.sha256(), 0
        compare_sha256(whole.hexdigest(), path=path, sha256=sha256)
        if size <= part_bytes:
            return cls(size, _base64(whole.digest()))
        if filled:
            parts.append(part.digest())
        return cls(size, f"{sha256_base64(b''.join(parts))}-{len(parts)}")

    def agrees(self, stored: Fingerprint) -> bool | None:
        """Whether ``stored`` is of the same content; None if it was cut into other parts, or has no SHA-256."""
        if self.size != stored.size or self.checksum == stored.checksum:
            return self.size == stored.size
        if stored.checksum is None or "-" in stored.checksum + str(self.checksum):
            return None
        return False


def part_bytes(options: StoreOptions) -> int:
    """Size of the parts of an upload, and the most that goes up in one request."""
    return max(options.upload_chunk_bytes, _PART_MIN_BYTES)


def sha256_base64(data: bytes) -> str:
    """The SHA-256 of some bytes in the form that S3's headers have."""
    return _base64(hashlib.sha256(data).digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
