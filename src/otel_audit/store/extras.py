"""Which destinations need more than the base installation brings."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from otel_audit.errors import ConfigurationError
from otel_audit.store.url import Scheme, StoreUrl

_EXTRAS: Final = {Scheme.S3: ("s3fs", "s3"), Scheme.AZURE: ("azure.storage.blob", "azure")}
"""A module that the store cannot do without, and the extra that brings it."""


def check_installed(where: StoreUrl) -> None:
    """Raise ConfigurationError, which says what to install, if this destination's client is not there.

    Loads none of it, so that it can be asked when an application starts.
    """
    module, extra = _EXTRAS.get(where.scheme, ("", ""))
    if module and not _is_installed(module):
        raise ConfigurationError(
            f"{where.scheme.value}:// destinations need a client that is not installed: "
            f'pip install "otel-audit[{extra}]"'
        )


def _is_installed(module: str) -> bool:
    package = ""
    for name in module.split("."):
        package = f"{package}.{name}" if package else name
        # Looking for "a.b" loads "a": namespaces such as "azure" hold nothing to load.
        if find_spec(package) is None:
            return False
    return True
