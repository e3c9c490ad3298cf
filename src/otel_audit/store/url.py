"""Destination URLs: a folder, ``file://``, ``gs://bucket/prefix`` or ``memory://name/prefix``.

A URL never carries credentials: one that has a user part, a query or a fragment is refused, with a message
that shows none of it. So a parsed URL is safe wherever it is shown; text that is not parsed yet goes through
:func:`redact`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from otel_audit.errors import ConfigurationError, InputError
from otel_audit.store.base import MAX_PATH_BYTES, check_path

_ACCEPTED: Final = "a folder, file:///folder, gs://bucket/prefix or memory://name"

_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>/*)(?P<rest>.*)", re.DOTALL)

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
"""Bucket naming rules: https://cloud.google.com/storage/docs/buckets#naming"""

_MEMORY_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{0,100}")

_LATER: Final = frozenset({"s3", "s3a", "abfs", "abfss", "az"})


class Scheme(Enum):
    """Kinds of destination."""

    FILE = "file"
    GCS = "gs"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A destination.

    Attributes:
        scheme: which store it is.
        host: bucket, or name of a memory store; empty for a folder.
        prefix: path within the bucket, without slashes at its ends; for a folder its absolute path.
    """

    scheme: Scheme
    host: str
    prefix: str

    def __str__(self) -> str:
        if self.scheme is Scheme.FILE:
            return self.prefix
        return f"{self.scheme.value}://{self.host}{'/' if self.prefix else ''}{self.prefix}"


def parse_url(text: str) -> StoreUrl:
    """Read a destination from configuration; touches neither disk nor network.

    A relative folder is taken from the working directory, ``~`` is the user's home.

    Raises:
        ConfigurationError: the scheme is unknown, the bucket or prefix is not one, or the URL carries
            credentials, a query or a fragment. The message shows no part of the URL but its scheme.
    """
    text = text.strip()
    match = _SCHEME.fullmatch(text)
    if not text or "\0" in text:
        raise ConfigurationError(f"a destination is {_ACCEPTED}")
    if match is None:
        return _folder(text)
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme == "file":
        return _file(match["slashes"], rest)
    if scheme in _LATER:
        raise ConfigurationError(
            f"{scheme}:// destinations are not supported by this version: use {_ACCEPTED}"
        )
    if scheme not in {"gs", "gcs", "memory"}:
        raise ConfigurationError(f"{scheme}: is not a known kind of destination: use {_ACCEPTED}")
    if match["slashes"] != "//":
        raise ConfigurationError(f"{scheme}: is followed by exactly two slashes: use {_ACCEPTED}")
    host, _, prefix = rest.partition("/")
    _refuse_secrets(scheme, rest)
    if scheme == "memory":
        if not _MEMORY_NAME.fullmatch(host):
            raise ConfigurationError(
                "the name of a memory:// destination has letters, digits, '.', '_' and '-'"
            )
        return StoreUrl(Scheme.MEMORY, host, _prefix(scheme, prefix))
    if not _BUCKET.fullmatch(host):
        raise ConfigurationError(
            "the bucket in a gs:// destination is 3 to 222 of a-z, 0-9, '.', '_' and '-'"
        )
    return StoreUrl(Scheme.GCS, host, _prefix("gs", prefix))


def redact(text: str) -> str:
    """A URL with everything hidden that could be a secret: user part, query and fragment.

    Takes any text, also what :func:`parse_url` refuses. A path without a scheme is returned as it is.
    """
    match = _SCHEME.fullmatch(text.strip())
    if match is None:
        return text
    head, mark, _ = re.split(r"([?#]|$)", match["rest"], maxsplit=1)
    authority, slash, path = head.partition("/")
    if "@" in head:
        # An unescaped slash in a password would leave its first half in front: hide up to the last "@".
        authority, slash, path = head.rpartition("@")[2].partition("/")
        authority = f"***@{authority}"
    return f"{match['scheme']}:{match['slashes']}{authority}{slash}{path}{mark}{'***' if mark else ''}"


def _refuse_secrets(scheme: str, rest: str) -> None:
    if "@" in rest:
        raise ConfigurationError(
            f"the {scheme}:// destination carries a user name or password, which would end in logs: "
            "take it out; credentials come from the environment (Application Default Credentials)"
        )
    if "?" in rest or "#" in rest:
        raise ConfigurationError(
            f"the {scheme}:// destination carries a query or fragment ('?', '#'): take it out; "
            "options have settings of their own"
        )


def _prefix(scheme: str, text: str) -> str:
    prefix = text.strip("/")
    if prefix:
        try:
            check_path(prefix)
        except InputError as error:
            raise ConfigurationError(
                f"the path of the {scheme}:// destination is longer than {MAX_PATH_BYTES} bytes, or has an "
                "empty part, a part that begins with a dot, or a character that object names cannot have"
            ) from error
    return prefix


def _file(slashes: str, rest: str) -> StoreUrl:
    _refuse_secrets("file", rest)
    if slashes == "//":
        host, _, rest = rest.partition("/")
        if host not in {"", "localhost"}:
            raise ConfigurationError("a file:// destination names no other machine: use file:///folder")
    if not slashes:
        raise ConfigurationError("a file: destination is absolute: use file:///folder, or a plain path")
    return _folder(f"/{unquote(rest)}")


def _folder(text: str) -> StoreUrl:
    if "\0" in text:
        raise ConfigurationError(f"a destination is {_ACCEPTED}")
    try:
        folder = Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigurationError("the destination begins with ~ and there is no such home folder") from error
    return StoreUrl(Scheme.FILE, "", str(folder))
