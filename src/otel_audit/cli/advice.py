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
    "bucket-missing": "make the bucket, or correct its name",
    "credentials": "set up Application Default Credentials, or GOOGLE_APPLICATION_CREDENTIALS",
    "credentials-file-missing": "GOOGLE_APPLICATION_CREDENTIALS names no file",
    "disk-full": "make room",
    "dns": "the host's name does not resolve here",
    "http-401": "the credentials are not accepted",
    "http-403": "grant storage.objects.create and .get, and .list to who queries",
    "no-hard-links": "choose a file system with hard links: without them nothing can be created exclusively",
    "not-a-folder": "a file is in the way",
    "permission-denied": "give this user the right to read and write there",
    "tls": "the server's certificate is not trusted here",
}


def advice(error: StoreError) -> str:
    """One sentence: what is wrong, its cause, the object concerned, and what to do."""
    kind = next((text for of, text in _KINDS.items() if isinstance(error, of)), "the destination failed")
    about = f" ({error.cause}, {error.path})" if error.path else f" ({error.cause})"
    todo = _ADVICE.get(error.cause)
    return f"{kind}{about}: {todo}" if todo else f"{kind}{about}"
