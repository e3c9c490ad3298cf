"""The examples of docs/identity.md do what the page says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from otel_audit.config.loader import load
from sdk.identity.audited import audited

PAGE = (Path(__file__).parents[3] / "docs" / "identity.md").read_text()


def test_code(tmp_path):
    with audited(tmp_path, identity={"fields": ["email", "roles"]}) as log:
        for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            with log.server():
                exec(code, {})
        first, second = log.records()
    assert (first["user"]["id"], first["user"]["email"], first["user"]["roles"]) == (
        "u8472", "jane@example.com", ["clerk"],
    )  # fmt: skip
    assert first["auth"]["method"] == "api-key"
    assert (second["user"]["id"], second["onBehalfOf"]["id"]) == ("support-7", "u8472")


def test_settings():
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings = load(tomllib.loads(toml), environment={})
    assert settings.identity.jwt.issuer == "https://idp.example/"
    assert settings.identity.jwt.audience == ("shop",)


def test_reasons_are_those_of_the_checker():
    from typing import get_args

    from otel_audit.tokens.checker import Reason

    said = re.search(r"`reason` one of (.*?)\. A token", PAGE, re.DOTALL)
    assert set(re.findall(r"`([a-z-]+)`", said[1])) == set(get_args(Reason)) - {""}
