"""Decrypting with AWS KMS: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html

Endpoint (``AWS_ENDPOINT_URL_KMS``, ``AWS_ENDPOINT_URL``), region and credentials are found by AWS's own default
chain, as for ``s3://`` destinations.
"""

from __future__ import annotations

import os
from typing import Any, Final

from otel_audit.kms.causes import DecryptionError

__all__ = ["decrypt"]

_CAUSES: Final = {
    "AccessDeniedException": "denied",
    "DisabledException": "key-disabled",
    "ExpiredTokenException": "credentials",
    "IncompleteSignature": "credentials",
    "IncorrectKeyException": "ciphertext",
    "InvalidCiphertextException": "ciphertext",
    "InvalidClientTokenId": "credentials",
    "InvalidSignatureException": "credentials",
    "KMSInvalidStateException": "key-disabled",
    "MissingAuthenticationToken": "credentials",
    "NotFoundException": "key-missing",
    "UnrecognizedClientException": "credentials",
    "ValidationException": "ciphertext",
}
"""By the code of an error."""


def decrypt(key: str, region: str | None, ciphertext: bytes, *, timeout_s: float) -> bytes:
    """The plaintext.

    Args:
        key: id, alias or ARN.
        region: None: as the default chain says.
        ciphertext: as KMS gave it.
        timeout_s: of one attempt; there are three.

    Raises:
        DecryptionError: it was not decrypted.
    """
    try:
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415
        from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
            BotoCoreError,
            ClientError,
            HTTPClientError,
            NoRegionError,
        )
        from botocore.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise DecryptionError("client-missing") from None
    try:
        client: Any = Session().create_client(
            "kms",
            # botocore itself knows AWS_DEFAULT_REGION only.
            region_name=region or os.environ.get("AWS_REGION"),
            config=Config(
                connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": 3}
            ),
        )
        plaintext: bytes = client.decrypt(KeyId=key, CiphertextBlob=ciphertext)["Plaintext"]
    except ClientError as error:
        raise DecryptionError(_CAUSES.get(error.response["Error"]["Code"], "unreachable")) from None
    except NoRegionError:
        raise DecryptionError("region") from None
    except HTTPClientError:
        raise DecryptionError("unreachable") from None
    except BotoCoreError:
        raise DecryptionError("credentials") from None
    return plaintext
