"""Names are put into lower case, keys are not."""

from __future__ import annotations

import pytest

from otel_audit.convert.casing import lower_name
from otel_audit.convert.names import REQUEST_HEADER, classify

HEADER = "http.request.header."


@pytest.mark.parametrize(
    "name", ["X-Request-ID", "WWW_Authenticate", "X-B3-TraceId", "azure.AI OpenAI", "Content-SHA256"]
)
def test_names(name: str) -> None:
    assert lower_name(name) == name.lower()


@pytest.mark.parametrize(
    "key",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "Basic Ym9iOmh1bnRlcjI=",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    ],
)
def test_keys_stay_what_masking_knows(key: str) -> None:
    assert lower_name(key) == key
    assert classify(HEADER + key) == (REQUEST_HEADER, key, 0)


def test_header_names_have_hyphens() -> None:
    assert classify(HEADER + "X_Forwarded_For") == (REQUEST_HEADER, "x-forwarded-for", 0)
