"""From a destination's URL to its store."""

from __future__ import annotations

from otel_audit.forks import importing
from otel_audit.store.base import StoreOptions
from otel_audit.store.extras import check_installed
from otel_audit.store.local import LocalStore
from otel_audit.store.memory import MemoryStore
from otel_audit.store.probing import Prober
from otel_audit.store.url import Scheme, StoreUrl, parse_url


def open_store(url: str | StoreUrl, options: StoreOptions | None = None) -> Prober:
    """The store of a destination. Touches neither disk nor network: the first call of the store does.

    For a cloud this loads its client (half a second of CPU, and ``ssl``). Whoever must not load it yet, such as
    an application's start-up, checks the URL with :func:`~otel_audit.store.url.parse_url` and
    :func:`~otel_audit.store.extras.check_installed`, and opens the store on its worker.

    Raises:
        ConfigurationError: see ``parse_url`` and ``check_installed``.
    """
    where = parse_url(url) if isinstance(url, str) else url
    check_installed(where)
    options = options or StoreOptions()
    # A cloud's client is loaded only by those who use it.
    with importing():
        return _open(where, options)


def _open(where: StoreUrl, options: StoreOptions) -> Prober:
    match where.scheme:
        case Scheme.FILE:
            return LocalStore(where)
        case Scheme.MEMORY:
            return MemoryStore(where)
        case Scheme.GCS:
            from otel_audit.store.gcs import GcsStore  # noqa: PLC0415

            return GcsStore(where, options)
        case Scheme.S3:
            from otel_audit.store.s3 import S3Store  # noqa: PLC0415

            return S3Store(where, options)
        case Scheme.AZURE:
            from otel_audit.store.azure import AzureStore  # noqa: PLC0415

            return AzureStore(where, options)
