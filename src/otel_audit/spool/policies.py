"""Masking policies of the records in a slot, kept until their commits are made by whoever makes them.

::

    policies/<64 hex digits>     a policy as it is put beside the records

A later process may mask by another policy; manifests of what it finds still name this one.
"""

from __future__ import annotations

import re
from typing import Final

from otel_audit.spool.premises import POLICIES, Premises

__all__ = ["Policies"]

_NAME: Final = re.compile(r"[0-9a-f]{64}")


class Policies:
    """The policies of a slot.

    Args:
        premises: the slot.
    """

    def __init__(self, premises: Premises) -> None:
        self._files, self._folder = premises.files, premises.path / POLICIES

    def keep(self, fingerprint: str, content: bytes) -> None:
        """Keep a policy: durable on return.

        Args:
            fingerprint: ``sha256:<hex>``.
            content: its bytes; no keys.

        Raises:
            OSError: the disk refused.
        """
        name = _name_of(fingerprint)
        if name in self._files.names(self._folder):
            return
        self._files.make_folder(self._folder)
        self._files.fsync_folder(self._folder.parent)
        self._files.replace(self._folder / name, content)

    def read(self, fingerprint: str) -> bytes | None:
        """A policy; None if it was never kept here.

        Raises:
            OSError: the disk refused.
        """
        try:
            return self._files.read(self._folder / _name_of(fingerprint))
        except FileNotFoundError:
            return None


def _name_of(fingerprint: str) -> str:
    name = fingerprint.removeprefix("sha256:")
    if not _NAME.fullmatch(name):
        raise ValueError("a fingerprint is sha256:<64 hex digits>")
    return name
