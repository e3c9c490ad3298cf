"""What a failed request to S3 means for a store.

Every failure leaves here as a :class:`~otel_audit.errors.StoreError` with a cause from a closed set; no text of
botocore or of a server is passed on. S3 tells more by the code in its answer than by the status, and answers a
HEAD by the status alone.

==============================================  ========  ==================================================
what happened                                   error     cause
==============================================  ========  ==================================================
code of an expired or unknown token             Blocked   ``credentials``
code of a key of KMS                            Blocked   ``encryption-key``
``NoSuchBucket``, ``InvalidBucketName``         Blocked   ``bucket-missing``
code of a full quota                            Blocked   ``quota``
501: no conditional writes there                Blocked   ``create-only-not-supported``
code of a checksum that does not fit            Retry     ``damaged-on-the-way``
code of a request that broke off                Retry     ``connection-lost``
``NoSuchUpload``                                Retry     ``upload-session-lost``
other 404                                       Missing   ``http-404``
other 400, 411, 413, 414, 422                   Refused   ``http-<status>``
408, 409, 425, 429, other 5xx                   Retry     ``http-<status>``
401, 403, other 3xx and 4xx                     Blocked   ``http-<status>``
no credentials found                            Blocked   ``credentials``
metadata server, token service away             Retry     ``credentials-unreachable``
no answer                                       both      as in :mod:`otel_audit.store.http_client`
==============================================  ========  ==================================================

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from botocore import exceptions as botocore  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.http_client import unanswered

_BY_CODE: Final[dict[str, tuple[type[StoreError], str]]] = {
    "NoSuchBucket": (Blocked, "bucket-missing"),
    "InvalidBucketName": (Blocked, "bucket-missing"),
    "NoSuchUpload": (Retry, "upload-session-lost"),
    **dict.fromkeys(
        (
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidToken",
            "TokenRefreshRequired",
            "InvalidAccessKeyId",
        ),
        (Blocked, "credentials"),
    ),
    # A 400 that is about where or how requests are signed, not about the object.
    "AuthorizationHeaderMalformed": (Blocked, "region"),
    "IllegalLocationConstraintException": (Blocked, "region"),
    **dict.fromkeys(
        ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"),
        (Retry, "damaged-on-the-way"),
    ),
    **dict.fromkeys(("IncompleteBody", "RequestTimeout"), (Retry, "connection-lost")),
    **dict.fromkeys(("QuotaExceeded", "ServiceQuotaExceeded", "XMinioStorageFull"), (Blocked, "quota")),
    "NotImplemented": (Blocked, "create-only-not-supported"),
}

_REFUSED: Final = frozenset({400, 411, 413, 414, 422})
_RETRIED: Final = frozenset({408, 409, 425, 429})


@contextmanager
def s3_errors_translated(path: str) -> Iterator[None]:
    """Raise the port's error for one of botocore or aiohttp.

    Args:
        path: the object concerned.
    """
    try:
        yield
    except (botocore.BotoCoreError, botocore.ClientError) as error:
        raise _translated(error, path) from error
    except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
        # While an answer's body is read; and time-outs of our own.
        raise unanswered(error, path) from error
    except ValueError as error:
        # All that botocore says about an endpoint that is no URL.
        raise Blocked("endpoint-not-a-url", path=path) from error


def status_of(error: botocore.ClientError) -> int:
    """HTTP status of a failed answer; 0 if it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _translated(error: Exception, path: str) -> StoreError:
    match error:
        case botocore.ClientError():
            return _answered(error, path)
        case botocore.SSLError():
            return Blocked("tls", path=path)
        case botocore.ProxyConnectionError() | botocore.InvalidProxiesConfigError():
            return Blocked("proxy", path=path)
        case botocore.ConnectTimeoutError() | botocore.ReadTimeoutError():
            return Retry("timeout", path=path)
        case botocore.HTTPClientError() | botocore.EndpointConnectionError():
            cause = error.kwargs.get("error")
            return unanswered(cause if isinstance(cause, Exception) else error, path)
        case botocore.ConnectionError() | botocore.IncompleteReadError() | botocore.ResponseStreamingError():
            return Retry("connection-lost", path=path)
        case ResponseParserError():
            return Retry("answer-unreadable", path=path)
        case botocore.FlexibleChecksumError():
            return Retry("damaged-on-the-way", path=path)
        case botocore.MetadataRetrievalError() | botocore.CredentialRetrievalError():
            return Retry("credentials-unreachable", path=path)
        case botocore.NoRegionError() | botocore.InvalidRegionError():
            return Blocked("region", path=path)
        case _:
            # An open set: profiles, configuration files, single sign-on, web identities.
            return Blocked("credentials", path=path)


def _answered(error: botocore.ClientError, path: str) -> StoreError:
    status, code = status_of(error), str(error.response.get("Error", {}).get("Code", ""))
    if error.operation_name.startswith(("AssumeRole", "GetRoleCredentials", "CreateToken")):
        # The token service's answer, on the way to S3.
        return (Retry if status >= 500 else Blocked)("credentials", path=path)
    if code in _BY_CODE:
        kind, cause = _BY_CODE[code]
        return kind(cause, path=path)
    if code.startswith("KMS."):
        return Blocked("encryption-key", path=path)
    cause = f"http-{status}"
    if status == 404:
        return Missing(cause, path=path)
    if status == 400 and error.operation_name == "HeadObject":
        # Without a body; an expired token is the likely cause, and it is not the object that is refused.
        return Blocked(cause, path=path)
    if status in _REFUSED:
        return Refused(cause, path=path)
    if status in _RETRIED or status >= 500:
        return Retry(cause, path=path)
    return Blocked(cause, path=path)
