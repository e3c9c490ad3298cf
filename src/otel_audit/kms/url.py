"""URLs of encrypted data keys.

::

    awskms:///<key>?ciphertext=file:/etc/otel-audit/mask-key.enc[&region=eu-central-1]
    gcpkms://projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>?ciphertext=env:MASK_KEY_ENCRYPTED

The schemes and the names of keys are those that cosign has
(https://docs.sigstore.dev/cosign/key_management/overview/); ``<key>`` is a key id, ``alias/<name>`` or an ARN. The
ciphertext is that of the data key, as the service gave it: its bytes, or their base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

__all__ = ["SCHEMES", "KmsUrl", "as_bytes", "parse_kms_url"]

Service = Literal["awskms", "gcpkms"]

SCHEMES: Final = ("awskms://", "gcpkms://")

ACCEPTED: Final = (
    "awskms:///KEY?ciphertext=file:PATH or gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K?"
    "ciphertext=file:PATH; env:NAME does, too"
)

_AWS_KEY: Final = re.compile(
    r"(?:arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):[0-9]+:)?(?:key/|alias/)?[A-Za-z0-9/_-]{1,256}"
)
_GCP_KEY: Final = re.compile(
    r"projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+"
)
_REGION: Final = re.compile(r"[a-z0-9-]{2,32}")


@dataclass(frozen=True, slots=True)
class KmsUrl:
    """Where a data key is decrypted, and what.

    Attributes:
        service: ``awskms`` or ``gcpkms``.
        key: as the service names it.
        region: of AWS, where the URL or the key says it; else its own default chain does.
        ciphertext: ``env:NAME`` or ``file:/path``.
    """

    service: Service
    key: str
    region: str | None
    ciphertext: str

    @property
    def name(self) -> str:
        """Of the service, for sentences."""
        return "AWS KMS" if self.service == "awskms" else "Cloud KMS"


def parse_kms_url(text: str) -> KmsUrl:
    """A URL taken apart.

    Raises:
        ValueError: it is none; the message says what is accepted and quotes nothing.
    """
    parts = urlsplit(text)
    try:
        options = dict(parse_qsl(parts.query, strict_parsing=True))
    except ValueError:
        raise ValueError(ACCEPTED) from None
    key = f"{parts.netloc}{parts.path}".lstrip("/")
    ciphertext, region = options.pop("ciphertext", ""), options.pop("region", None)
    if options or parts.fragment or not re.match(r"(env|file):.", ciphertext):
        raise ValueError(ACCEPTED)
    if parts.scheme == "gcpkms" and region is None and _GCP_KEY.fullmatch(key):
        return KmsUrl("gcpkms", key, None, ciphertext)
    match = _AWS_KEY.fullmatch(key)
    if parts.scheme == "awskms" and match and (region is None or _REGION.fullmatch(region)):
        return KmsUrl("awskms", key, region or match["region"], ciphertext)
    raise ValueError(ACCEPTED)


def as_bytes(ciphertext: bytes) -> bytes:
    """A ciphertext that may be written in base64, as ``aws kms`` prints it."""
    try:
        return base64.b64decode(b"".join(ciphertext.split()), validate=True) or ciphertext
    except binascii.Error:
        return ciphertext
