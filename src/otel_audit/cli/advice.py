"""What went wrong with a destination, and what to do about it."""

from __future__ import annotations

from typing import Final

from otel_audit.errors import Blocked, Conflict, Missing, Refused, Retry, StoreError

_KINDS: Final[dict[type[StoreError], str]] = {
    Retry: "the destination cannot be reached",
    Blocked: "the destination does not let us in",
    Refused: "the destination refused an object",
    Missing: "an object is not there",
    Conflict: "an object exists with other content",
}

_ADVICE: Final = {
    "account-missing": "name the account: abfs://container@account.dfs.core.windows.net/…",
    "another-account": "AZURE_STORAGE_CONNECTION_STRING is of another account than the destination",
    "bucket-missing": "make the bucket or container, or correct its name",
    "create-only-not-supported": "choose a service that knows conditional writes (If-None-Match)",
    "credentials": "give it some: Application Default Credentials (gs://), an AWS profile, role or key (s3://), "
    "a connection string or an identity (abfs://)",
    "credentials-file-missing": "GOOGLE_APPLICATION_CREDENTIALS names no file",
    "disk-full": "make room",
    "dns": "the host's name does not resolve here",
    "encryption-key": "let this identity use the key that the bucket encrypts with",
    "http-401": "the credentials are not accepted",
    "http-403": "grant creating and reading (storage.objects.create and .get; s3:PutObject and s3:GetObject; "
    "blobs/add/action and blobs/read), and listing to who queries",
    "immutable": "a policy holds what is there",
    "no-hard-links": "choose a file system with hard links: without them nothing can be created exclusively",
    "not-a-folder": "a file is in the way",
    "quota": "a quota is used up",
    "region": "set the bucket's region: AWS_REGION",
    "permission-denied": "give this user the right to read and write there",
    "tls": "the server's certificate is not trusted here",
}


def advice(error: StoreError) -> str:
    """One sentence: what is wrong, its cause, the object concerned, and what to do."""
    kind = next((text for of, text in _KINDS.items() if isinstance(error, of)), "the destination failed")
    about = f" ({error.cause}, {error.path})" if error.path else f" ({error.cause})"
    todo = _ADVICE.get(error.cause)
    return f"{kind}{about}: {todo}" if todo else f"{kind}{about}"
