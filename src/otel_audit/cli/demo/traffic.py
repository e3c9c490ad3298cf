"""What the shop's users do in the demonstration: several people, errors, and personal data where people put it.

All people, cards and numbers are invented; the card is the payment industry's own test number.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Call:
    """One request that a user makes."""

    user: str
    method: str
    path: str
    body: object = None


CALLS: Final = (
    Call("u8472", "GET", "/api/orders/1001"),
    Call("u1138", "GET", "/api/orders/1002"),
    Call("u1138", "GET", "/api/orders/9999"),
    Call("u8472", "GET", "/api/search?q=100&notify=jane.doe%40example.com&token=s3cr3t-9f2c"),
    Call("support-7", "POST", "/api/orders/1001/refund"),
    Call("support-7", "POST", "/api/orders/9999/refund"),
    Call("u8472", "GET", "/customers/jane.doe@example.com"),
    Call(
        "analyst-2",
        "POST",
        "/v1/models/churn:predict",
        {"instances": [[0.3, -1.2, 0.8, 1.1], [1.5, 0.2, -0.4, 0.9]]},
    ),
    Call("analyst-2", "POST", "/v1/models/churn:predict", {"instances": []}),
    Call("u8472", "POST", "/api/assistant", {"question": "Where is my order 1001?"}),
    Call(
        "u1138",
        "POST",
        "/api/assistant",
        {
            "question": "I am Jane Doe, jane.doe@example.com, +1 415 555 0100. I paid with 4111 1111 1111 1111, "
            "my account is DE89 3704 0044 0532 0130 00. Where is my toaster?"
        },
    ),
    Call("u1138", "POST", "/api/assistant", {"question": "Are you there?", "model": "overloaded"}),
)


def send(base_url: str) -> Iterator[tuple[Call, int]]:
    """Make every call, one after the other; gives each with its status code."""
    for call in CALLS:
        request = urllib.request.Request(  # noqa: S310  (a loopback URL of ours)
            base_url + call.path,
            method=call.method,
            data=None if call.body is None else json.dumps(call.body).encode(),
            headers={
                "x-user": call.user,
                "authorization": "Bearer demo-token-of-" + call.user,
                "content-type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                yield call, response.status
        except urllib.error.HTTPError as error:
            yield call, error.code
