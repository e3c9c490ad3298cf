"""What a failed request to Azure Blob Storage means for a store.

Every failure leaves here as a :class:`~otel_audit.errors.StoreError` with a cause from a closed set; no text of
the SDK or of a server is passed on.

==============================================  ========  ==================================================
what happened                                   error     cause
==============================================  ========  ==================================================
``ContainerNotFound`` and the like              Blocked   ``bucket-missing``
``BlobImmutableDueToPolicy``                    Blocked   ``immutable``
code of an account that is full                 Blocked   ``quota``
code of a customer's key                        Blocked   ``encryption-key``
``Md5Mismatch``, ``Crc64Mismatch``              Retry     ``damaged-on-the-way``
``InvalidBlockList``                            Retry     ``upload-session-lost``
other 404                                       Missing   ``http-404``
other 400, 411, 413, 414, 422                   Refused   ``http-<status>``
408, 409, 425, 429, 5xx                         Retry     ``http-<status>``
401, 403, other 3xx and 4xx                     Blocked   ``http-<status>``
no credentials, or a token is refused           Blocked   ``credentials``
no answer                                       both      as in :mod:`otel_audit.store.http_client`
==============================================  ========  ==================================================

Codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from azure.core import exceptions as azure

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.http_client import unanswered

_BY_CODE: Final[dict[str, tuple[type[StoreError], str]]] = {
    **dict.fromkeys(
        ("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "InvalidResourceName"),
        (Blocked, "bucket-missing"),
    ),
    **dict.fromkeys(
        ("BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold", "BlobNotOverwritable"),
        (Blocked, "immutable"),
    ),
    **dict.fromkeys(("AccountLimitExceeded", "CapacityExceeded"), (Blocked, "quota")),
    **dict.fromkeys(
        ("KeyVaultEncryptionKeyNotFound", "KeyVaultAccessTokenCannotBeAcquired"), (Blocked, "encryption-key")
    ),
    **dict.fromkeys(("Md5Mismatch", "InvalidMd5", "Crc64Mismatch"), (Retry, "damaged-on-the-way")),
    "InvalidBlockList": (Retry, "upload-session-lost"),
    # A 400 that is about the signature or the token, not about the object.
    **dict.fromkeys(("InvalidAuthenticationInfo", "AuthenticationFailed"), (Blocked, "credentials")),
}

_REFUSED: Final = frozenset({400, 411, 413, 414, 422})
_RETRIED: Final = frozenset({408, 409, 425, 429})


@contextmanager
def azure_errors_translated(path: str) -> Iterator[None]:
    """Raise the port's error for one of the SDK or aiohttp.

    Args:
        path: the object concerned.
    """
    try:
        yield
    except azure.HttpResponseError as error:
        raise _answered(error, path) from error
    except azure.AzureError as error:
        raise unanswered(_cause(error), path) from error
    except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
        raise unanswered(error, path) from error


def _cause(error: azure.AzureError) -> Exception:
    """What aiohttp said, where the SDK wrapped it."""
    inner = error.inner_exception
    if isinstance(error, azure.ServiceRequestTimeoutError | azure.ServiceResponseTimeoutError):
        return TimeoutError()
    return inner if isinstance(inner, Exception) else error


def _answered(error: azure.HttpResponseError, path: str) -> StoreError:
    named = getattr(error, "error_code", None) or ""
    # The SDK has an enumeration of those it knows.
    code, status = str(getattr(named, "value", named)), error.status_code or 0
    if code in _BY_CODE:
        kind, cause = _BY_CODE[code]
        return kind(cause, path=path)
    if not status:
        if isinstance(error, azure.ClientAuthenticationError):
            # From azure-identity: none of its ways led to a token.
            return Blocked("credentials", path=path)
        return unanswered(_cause(error), path)
    cause = f"http-{status}"
    if status == 404:
        return Missing(cause, path=path)
    if status in _REFUSED:
        return Refused(cause, path=path)
    if status in _RETRIED or status >= 500:
        return Retry(cause, path=path)
    return Blocked(cause, path=path)
