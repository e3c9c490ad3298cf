"""The faults of a torture: of the store, through the proxy before it, and of what is around a writer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from faults.torture.surroundings import FULL_DISK, NO_NAMES, broken
from servers.fault_proxy import Action, Answer, Fault, FaultProxy

NONE: Final = "none"
EXPIRED: Final = "expired token"

_ANSWERS: Final[dict[str, Answer | Action]] = {
    **{str(status): Answer(status) for status in (429, 500, 503, 401, 403)},
    "reset": Action.RESET,
    "lost answer": Action.LOSE_ANSWER,
    "stall": Action.STALL,
    "slow drip": Action.DRIP,
    "cut answer": Action.CUT_ANSWER,
}

_XML: Final = {"Content-Type": "application/xml"}

EXPIRED_TOKEN: Final = {
    # https://cloud.google.com/storage/docs/json_api/v1/status-codes#401-unauthorized
    "gs": Answer(
        401,
        json.dumps(
            {
                "error": {
                    "code": 401,
                    "message": "Invalid Credentials",
                    "errors": [
                        {
                            "message": "Invalid Credentials",
                            "domain": "global",
                            "reason": "authError",
                            "locationType": "header",
                            "location": "Authorization",
                        }
                    ],
                }
            }
        ).encode(),
        {
            "Content-Type": "application/json; charset=UTF-8",
            "WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"',
        },
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
    "s3": Answer(
        400,
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ExpiredToken</Code><Message>The provided token has '
        b"expired.</Message><Token-0>FwoGZXIvYXdzEXAMPLE</Token-0><RequestId>4442587FB7D0A2F9</RequestId>"
        b"<HostId>kh2nVEXAMPLE=</HostId></Error>",
        _XML,
    ),
    # https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    "abfs": Answer(
        401,
        "\ufeff<?xml version='1.0' encoding='utf-8'?><Error><Code>InvalidAuthenticationInfo</Code><Message>Lifetime "
        "validation failed. The token is expired.\nRequestId:5a6bca5c-001e-00b1-3b8f-2f8d4a000000\n"
        "Time:2026-11-22T02:22:08.0000000Z</Message></Error>".encode(),
        {**_XML, "x-ms-error-code": "InvalidAuthenticationInfo", "WWW-Authenticate": "Bearer"},
    ),
}
"""What each store answers to a token that was good an hour ago."""

_LASTS_S: Final = {NO_NAMES: 8.0}
"""Seconds that a slice takes at least: clients keep what they looked up for ten."""


class Breaker:
    """Breaks what writers stand on, one fault at a time.

    Args:
        destination: where they write to.
        proxy: before it; None for a store without one.
        folder: in which writers are placed (``surroundings.py``).
        chance: what decides.
    """

    def __init__(
        self, destination: str, proxy: FaultProxy | None, folder: Path, chance: random.Random
    ) -> None:
        self._proxy, self._folder, self._chance = proxy, folder, chance
        self._answers = dict(_ANSWERS)
        if (expired := EXPIRED_TOKEN.get(destination.partition(":")[0])) is not None:
            self._answers[EXPIRED] = expired
        self._faults = [FULL_DISK] if proxy is None else [FULL_DISK, NO_NAMES, *self._answers]

    def choose(self) -> str:
        """A fault, or none: seven times of ten where there are many of them, three where there is one."""
        return (
            self._chance.choice(self._faults)
            if self._chance.random() < (0.7 if self._proxy else 0.3)
            else NONE
        )

    def lasts_s(self, fault: str) -> float:
        """Seconds that it needs at least to be felt."""
        return _LASTS_S.get(fault, 0.0)

    @contextmanager
    def broken(self, fault: str) -> Iterator[None]:
        """While it lasts; then all is well again."""
        if fault in {FULL_DISK, NO_NAMES}:
            with broken(self._folder, fault):
                yield
            return
        if self._proxy is None or fault == NONE:
            yield
            return
        share = self._chance.choice([0.3, 1.0])
        self._proxy.faults[:] = [Fault(lambda _: random.random() < share, self._answers[fault], times=2**60)]
        try:
            yield
        finally:
            self._proxy.faults.clear()
            self._proxy.requests.clear()
            # What stalls would do so for minutes.
            self._proxy.reset_all()
