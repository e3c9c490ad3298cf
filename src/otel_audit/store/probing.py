"""What a destination lets us do, found out by doing it to an object made for that.

A log is safest where its writer may create and read, and neither overwrite nor delete. Permissions cannot be
asked for everywhere, and retention or holds forbid what permissions allow, so a probe object is created,
read, overwritten and deleted. The two last are methods that take a
:class:`~otel_audit.store.layout.ProbeFile` and nothing else: no mistake of a caller can hurt the log.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from otel_audit.errors import Conflict, IntegrityError
from otel_audit.store.base import Store
from otel_audit.store.layout import ProbeFile

_CONTENT: Final = b"otel-audit probe\n"
_KEPT_TOKEN: Final = "0" * 16
"""One name, so that a destination that forbids deletion does not fill with probes."""
_OTHER_CONTENT: Final = b"otel-audit probe, overwritten\n"


class Prober(Store, Protocol):
    """A store whose permissions can be tried."""

    def try_overwrite(self, probe: ProbeFile, content: bytes) -> bool:
        """Replace a probe that exists. Returns False if that is forbidden; raises StoreError otherwise."""

    def try_delete(self, probe: ProbeFile) -> bool:
        """Delete a probe that exists. Returns False if that is forbidden; raises StoreError otherwise."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a destination let us do beyond creating and reading.

    Attributes:
        probe: path of the object that was made; it is still there unless ``deletes``.
        overwrites: whether an object could be replaced.
        deletes: whether an object could be deleted.
    """

    probe: str
    overwrites: bool
    deletes: bool


def try_create(store: Prober) -> None:
    """Create a small object under ``_audit/probe/`` and delete it again, if that is allowed.

    Where it is not, the next time finds the same object there, which is a success.

    Raises:
        StoreError: the destination does not take objects.
    """
    file = ProbeFile(_KEPT_TOKEN)
    store.create(file.path, _CONTENT, sha256=hashlib.sha256(_CONTENT).hexdigest())
    store.try_delete(file)


def probe(store: Prober) -> Permissions:
    """Create, read, overwrite and delete a small object under ``_audit/probe/``.

    Raises:
        IntegrityError: what was read is not what was created, or a second creation replaced it: the service does
            not honour conditional writes, and no log is safe there.
        StoreError: creating or reading fails.
    """
    file = ProbeFile.new()
    store.create(file.path, _CONTENT, sha256=hashlib.sha256(_CONTENT).hexdigest())
    if store.read(file.path) != _CONTENT:
        raise IntegrityError("was read back with other content", path=file.path)
    try:
        store.create(file.path, _OTHER_CONTENT, sha256=hashlib.sha256(_OTHER_CONTENT).hexdigest())
    except Conflict:
        pass
    else:
        raise IntegrityError("creating it again replaced it: create-only is not honoured", path=file.path)
    overwrites = store.try_overwrite(file, _OTHER_CONTENT)
    return Permissions(file.path, overwrites, store.try_delete(file))
