"""Decrypting with Cloud KMS:
https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt

Credentials are Application Default Credentials, as for ``gs://`` destinations. The endpoint can be another one in the
way that gcloud has, ``CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS``.
"""

from __future__ import annotations

import base64
import os
import threading
from typing import Any, Final
from urllib.parse import urlsplit

import google.auth
import google_crc32c
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession

from otel_audit.kms.causes import DecryptionError

__all__ = ["decrypt"]

_ENDPOINT: Final = "https://cloudkms.googleapis.com/"
_ENDPOINT_VARIABLE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS"
_SCOPE: Final = "https://www.googleapis.com/auth/cloudkms"

_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.2
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")

_CAUSES: Final = {401: "credentials", 403: "denied", 404: "key-missing"}
"""By status."""


def decrypt(key: str, ciphertext: bytes, *, timeout_s: float) -> bytes:
    """The plaintext.

    Args:
        key: ``projects/…/cryptoKeys/…``.
        ciphertext: as Cloud KMS gave it.
        timeout_s: of one attempt; there are three.

    Raises:
        DecryptionError: it was not decrypted.
    """
    endpoint = os.environ.get(_ENDPOINT_VARIABLE) or _ENDPOINT
    where = urlsplit(endpoint)
    is_local = where.scheme == "http" and where.hostname in _LOCAL
    if where.scheme != "https" and not is_local:
        raise DecryptionError("endpoint")
    body = {
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "ciphertextCrc32c": str(google_crc32c.value(ciphertext)),
    }
    with _session(anonymous_is_fine=is_local) as session:
        answer = _post(session, f"{endpoint.rstrip('/')}/v1/{key}:decrypt", body, timeout_s)
    try:
        plaintext = base64.b64decode(answer["plaintext"], validate=True)
        intact = google_crc32c.value(plaintext) == int(answer["plaintextCrc32c"])
    except (KeyError, TypeError, ValueError):
        raise DecryptionError("defect") from None
    if not intact:
        raise DecryptionError("unreachable")
    return plaintext


def _session(*, anonymous_is_fine: bool) -> requests.Session:
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError:
        if anonymous_is_fine:
            return requests.Session()
        raise DecryptionError("credentials") from None
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


def _post(session: requests.Session, url: str, body: dict[str, str], timeout_s: float) -> Any:
    cause = "unreachable"
    for attempt in range(_ATTEMPTS):
        if attempt:
            threading.Event().wait(_PAUSE_S * 2**attempt)
        try:
            # The token goes to the endpoint, and nowhere else.
            answer = session.post(url, json=body, timeout=timeout_s, allow_redirects=False)
        except TransportError:
            continue
        except GoogleAuthError:
            raise DecryptionError("credentials") from None
        except requests.RequestException:
            continue
        if answer.status_code == 200:
            try:
                return answer.json()
            except ValueError:
                raise DecryptionError("defect") from None
        if answer.status_code == 400:
            state = b"FAILED_PRECONDITION" in answer.content
            raise DecryptionError("key-disabled" if state else "ciphertext")
        if answer.status_code != 429 and answer.status_code < 500:
            raise DecryptionError(_CAUSES.get(answer.status_code, "defect"))
    raise DecryptionError(cause)
