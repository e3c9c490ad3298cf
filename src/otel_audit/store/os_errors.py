"""What the system's errors mean for a store that is made of files."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError

BY_ERRNO: Final[dict[int, tuple[type[StoreError], str]]] = {
    errno.ENOENT: (Missing, "not-found"),
    errno.ENOSPC: (Blocked, "disk-full"),
    errno.EDQUOT: (Blocked, "quota"),
    errno.EACCES: (Blocked, "permission-denied"),
    errno.EPERM: (Blocked, "permission-denied"),
    errno.EROFS: (Blocked, "read-only"),
    errno.ENOTDIR: (Blocked, "not-a-folder"),
    errno.EEXIST: (Blocked, "not-a-folder"),
    errno.EXDEV: (Blocked, "folder-spans-devices"),
    errno.EOPNOTSUPP: (Blocked, "no-hard-links"),
    errno.EMLINK: (Blocked, "no-hard-links"),
    errno.ENAMETOOLONG: (Refused, "name-too-long"),
    errno.EFBIG: (Refused, "too-large"),
    errno.EIO: (Retry, "io-error"),
    errno.ESTALE: (Retry, "stale-handle"),
    errno.ETIMEDOUT: (Retry, "timeout"),
    errno.EMFILE: (Retry, "too-many-open-files"),
    errno.ENFILE: (Retry, "too-many-open-files"),
    errno.EINTR: (Retry, "interrupted"),
}


@contextmanager
def os_errors_translated(path: str, *, reading: bool = False) -> Iterator[None]:
    """Raise the port's error for an OSError of the body; no message of the system is passed on.

    Args:
        path: the object concerned.
        reading: an object is looked for, so what is no file there is missing.
    """
    try:
        yield
    except OSError as error:
        if reading and error.errno in {errno.ENOTDIR, errno.EISDIR}:
            raise Missing("not-found", path=path) from error
        code = error.errno or 0
        kind, cause = BY_ERRNO.get(code, (Blocked, errno.errorcode.get(code, "unknown").lower()))
        raise kind(cause, path=path) from error
