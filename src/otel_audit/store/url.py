"""Destination URLs: a folder, ``file://``, ``gs://``, ``s3://``, ``abfs://`` or ``memory://name/prefix``.

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

_ACCEPTED: Final = (
    "a folder, file:///folder, gs://bucket/prefix, s3://bucket/prefix, "
    "abfs://container@account.dfs.core.windows.net/prefix or memory://name"
)

_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>/*)(?P<rest>.*)", re.DOTALL)

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
"""Bucket naming rules: https://cloud.google.com/storage/docs/buckets#naming"""

_S3_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

_CONTAINER: Final = re.compile(r"(?=.{3,63}(?:@|$))[a-z0-9](?:-?[a-z0-9])+(?:@[^@]+)?")
"""https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""

_ACCOUNT: Final = re.compile(
    r"[a-z0-9]{3,24}\.(?:dfs|blob)\."
    r"(?:core\.windows\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn|storage\.azure\.net)"
)
"""An account of Azure or of one of its national clouds; nothing that somebody might choose as a password."""

_MEMORY_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{0,100}")


class Scheme(Enum):
    """Kinds of destination."""

    FILE = "file"
    GCS = "gs"
    S3 = "s3"
    AZURE = "abfs"
    MEMORY = "memory"


_SCHEMES: Final = {
    "file": Scheme.FILE,
    "memory": Scheme.MEMORY,
    "gs": Scheme.GCS,
    "gcs": Scheme.GCS,
    "s3": Scheme.S3,
    "s3a": Scheme.S3,
    "abfs": Scheme.AZURE,
    "abfss": Scheme.AZURE,
    "az": Scheme.AZURE,
}

_AZURE_RULE: Final = (
    "an abfs:// destination begins with its container, 3 to 63 of a-z, 0-9 and '-', alone or with its "
    "account: container@account.dfs.core.windows.net"
)

_HOSTS: Final = {
    Scheme.MEMORY: (
        _MEMORY_NAME,
        "the name of a memory:// destination has letters, digits, '.', '_' and '-'",
    ),
    Scheme.GCS: (_BUCKET, "the bucket in a gs:// destination is 3 to 222 of a-z, 0-9, '.', '_' and '-'"),
    Scheme.S3: (_S3_BUCKET, "the bucket in an s3:// destination is 3 to 63 of a-z, 0-9, '.' and '-'"),
    Scheme.AZURE: (_CONTAINER, _AZURE_RULE),
}

_CREDENTIALS: Final = {
    Scheme.GCS: "Application Default Credentials",
    Scheme.S3: "AWS_ACCESS_KEY_ID, a profile, a role",
    Scheme.AZURE: "AZURE_STORAGE_CONNECTION_STRING, a managed identity",
}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A destination.

    Attributes:
        scheme: which store it is.
        host: bucket, or name of a memory store; empty for a folder. For Azure the container, followed by ``@``
            and the account's host if the URL names it.
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
    name, rest = match["scheme"].lower(), match["rest"]
    scheme = _SCHEMES.get(name)
    if scheme is None:
        raise ConfigurationError(f"{name}: is not a known kind of destination: use {_ACCEPTED}")
    if scheme is Scheme.FILE:
        return _file(match["slashes"], rest)
    if match["slashes"] != "//":
        raise ConfigurationError(f"{name}: is followed by exactly two slashes: use {_ACCEPTED}")
    host, _, prefix = rest.partition("/")
    _refuse_secrets(scheme, rest)
    pattern, rule = _HOSTS[scheme]
    if not pattern.fullmatch(host):
        raise ConfigurationError(rule)
    return StoreUrl(scheme, host, _prefix(scheme, prefix))


def redact(text: str) -> str:
    """A URL with everything hidden that could be a secret: user part, query and fragment.

    Takes any text, also what :func:`parse_url` refuses. A path without a scheme is returned as it is.
    """
    match = _SCHEME.fullmatch(text.strip())
    if match is None:
        return text
    head, mark, _ = re.split(r"([?#]|$)", match["rest"], maxsplit=1)
    authority, slash, path = head.partition("/")
    is_azure = _SCHEMES.get(match["scheme"].lower()) is Scheme.AZURE
    if "@" in (path if is_azure and _names_account(authority) else head):
        # An unescaped slash in a password would leave its first half in front: hide up to the last "@".
        authority, slash, path = head.rpartition("@")[2].partition("/")
        authority = f"***@{authority}"
    return f"{match['scheme']}:{match['slashes']}{authority}{slash}{path}{mark}{'***' if mark else ''}"


def _refuse_secrets(scheme: Scheme, rest: str) -> None:
    host, _, path = rest.partition("/")
    if "@" in (path if scheme is Scheme.AZURE and _names_account(host) else rest):
        raise ConfigurationError(
            f"the {scheme.value}:// destination carries a user name or password, which would end in logs: take "
            f"it out; credentials come from the environment ({_CREDENTIALS.get(scheme, 'none are needed')})"
        )
    if "?" in rest or "#" in rest:
        raise ConfigurationError(
            f"the {scheme.value}:// destination carries a query or fragment ('?', '#'): take it out; "
            "options have settings of their own"
        )


def _names_account(host: str) -> bool:
    """Whether the "@" is not a user's: ``container@account.dfs.core.windows.net``, as Azure writes it."""
    _, _, account = host.partition("@")
    return bool(_CONTAINER.fullmatch(host) and _ACCOUNT.fullmatch(account))


def _prefix(scheme: Scheme, text: str) -> str:
    prefix = text.strip("/")
    if prefix:
        try:
            check_path(prefix)
        except InputError as error:
            raise ConfigurationError(
                f"the path of the {scheme.value}:// destination is longer than {MAX_PATH_BYTES} bytes, or has "
                "an empty part, a part that begins with a dot, or a character that object names cannot have"
            ) from error
    return prefix


def _file(slashes: str, rest: str) -> StoreUrl:
    _refuse_secrets(Scheme.FILE, rest)
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
