"""What the system refuses, as an error of the spool."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from otel_audit.errors import SpoolError

__all__ = ["explain"]


@contextmanager
def explain(doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into a SpoolError that says what could not be done, and the system's name for why.

    Args:
        doing: completes "the spool cannot …".
    """
    try:
        yield
    except OSError as error:
        cause = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise SpoolError(f"the spool cannot {doing}: {cause}") from error
