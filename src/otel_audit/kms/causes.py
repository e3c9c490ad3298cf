"""Why a key was not decrypted: a closed set, since what services and clients say may quote what they were given."""

from __future__ import annotations

from typing import Final

__all__ = ["CAUSES", "DecryptionError"]

CAUSES: Final = {
    "ciphertext": "the ciphertext is not one of this key",
    "client-missing": "its client is not installed",
    "credentials": "there are no credentials, or they are not accepted",
    "defect": "an unexpected answer",
    "denied": "this identity may not decrypt with the key",
    "endpoint": "an endpoint of plain http is taken on this machine only",
    "interpreter": "no Python interpreter can be started",
    "key-disabled": "the key is disabled or about to be destroyed",
    "key-missing": "there is no such key",
    "region": "no region is given: add region=… or set AWS_REGION",
    "time-out": "it did not answer in time",
    "unreachable": "it cannot be reached",
}


class DecryptionError(Exception):
    """A key was not decrypted.

    Args:
        cause: one of :data:`CAUSES`.
    """

    def __init__(self, cause: str) -> None:
        self.cause = cause if cause in CAUSES else "defect"
        super().__init__(CAUSES[self.cause])
