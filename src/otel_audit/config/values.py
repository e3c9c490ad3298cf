"""How single values are written in settings: sizes, durations, choices, secrets.

Each parser takes what a file, a variable or an argument holds and returns the typed value, or raises
:class:`ValueError` with a phrase that says what is accepted and never quotes the input.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otel_audit.config.secrets import Secret as Secret  # noqa: PLC0414  (a value like the others here)
from otel_audit.config.secrets import decrypted_secret
from otel_audit.errors import ConfigurationError
from otel_audit.kms.url import SCHEMES

_UNITS_OF_SIZE: Final = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
_UNITS_OF_TIME: Final = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SECRETS: Final = "env:NAME, file:/path, or an awskms:// or gcpkms:// URL"
_QUANTITY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def text(value: object) -> str:
    """Any text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("a text")


def flag(value: object) -> bool:
    """``true`` or ``false``; in the environment also ``1``, ``0``, ``yes``, ``no``."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, str) and value.strip().lower() in known:
        return known[value.strip().lower()]
    raise ValueError("true or false")


def count(value: object) -> int:
    """A whole number of at least 1."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("a whole number of at least 1")


def size(value: object) -> int:
    """Bytes: ``"64MiB"``, ``"1GB"`` or a number."""
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int) else None
    if match is None or isinstance(value, bool) or match[2].upper() not in _UNITS_OF_SIZE:
        raise ValueError('a size such as "64MiB"')
    return int(float(match[1]) * _UNITS_OF_SIZE[match[2].upper()])


def duration(value: object) -> float:
    """Seconds: ``"60s"``, ``"500ms"``, ``"5m"`` or a number of seconds."""
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None or isinstance(value, bool) or match[2].lower() not in _UNITS_OF_TIME:
        raise ValueError('a duration such as "60s"')
    return float(match[1]) * _UNITS_OF_TIME[match[2].lower()]


def share(value: object) -> float:
    """A number from 0 to 1."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if 0 <= number <= 1:
            return number
    raise ValueError("a number from 0 to 1")


def texts(value: object) -> tuple[str, ...]:
    """A list of texts; in the environment separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("a list of texts")


def counts(value: object) -> tuple[int, ...]:
    """A list of whole numbers of at least 1, or one; in the environment separated by commas."""
    if isinstance(value, str):
        value = value.split(",")
    try:
        return tuple(count(part) for part in (value if isinstance(value, list | tuple) else [value]))
    except ValueError:
        raise ValueError("whole numbers of at least 1") from None


def one_of(*choices: str) -> Callable[[object], str]:
    """One of a closed set of words."""
    accepted = " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)

    def parse(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValueError(accepted)

    return parse


def secret(value: object, *, literal: bool) -> Secret:
    """``env:NAME``, ``file:/path`` or the URL of a data key that a KMS decrypts; a literal only where ``literal``
    says that the source is no file.

    Raises:
        ConfigurationError: the variable or file is not there.
    """
    if isinstance(value, Secret):
        return value
    if isinstance(value, bytes) and literal:
        return Secret(value)
    if not isinstance(value, str) or not value:
        raise ValueError(_SECRETS)
    if value.startswith(SCHEMES):
        return decrypted_secret(value, _named)
    if value.startswith(("env:", "file:")):
        return Secret(_named(value).strip() if value.startswith("file:") else _named(value))
    if literal:
        return Secret(value.encode())
    raise ValueError(f"{_SECRETS}; a secret itself does not belong in a file")


def _named(value: str) -> bytes:
    """What a variable or a file holds."""
    kind, _, name = value.partition(":")
    if kind == "env" and name:
        if name not in os.environ:
            raise ConfigurationError(
                f"the environment variable {name}, which a secret is to come from, is not set"
            )
        return os.environ[name].encode()
    if kind == "file" and name:
        try:
            return Path(name).read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"the file {name}, which a secret is to come from, cannot be read"
            ) from error
    raise ValueError(_SECRETS)
