"""Where a reading command reads: the destination given, or each stream at its configured own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from otel_audit.cli.main import PROBLEM, warn
from otel_audit.config import Settings, load
from otel_audit.config.settings import Destination
from otel_audit.errors import ConfigurationError
from otel_audit.query.catalog import Catalog
from otel_audit.query.findings import Findings
from otel_audit.record.streams import STREAMS
from otel_audit.store.base import Store
from otel_audit.store.open import open_store
from otel_audit.store.url import parse_url


@dataclass(frozen=True, slots=True)
class Sources:
    """Destinations, open.

    Attributes:
        stores: the destinations, each with the streams that are read from it.
        findings: what is wrong with them; goes to standard error as it is found.
    """

    stores: tuple[tuple[Store, tuple[str, ...]], ...]
    findings: Findings

    def catalogs(self) -> list[Catalog]:
        """The committed files of every destination."""
        return [Catalog(store, self.findings, streams=streams) for store, streams in self.stores]

    def warn_if_empty(self) -> None:
        """Say so where nothing was ever written: a mistyped destination looks like an empty log."""
        for store, _ in self.stores:
            if next(store.list("_audit/"), None) is None:
                warn(f"{store.url} holds no log")

    @property
    def exit_code(self) -> int:
        """0, or 1 if the read went past something wrong."""
        return PROBLEM if self.findings.problems else 0


@contextmanager
def open_sources(
    destination: str | None, streams: tuple[str, ...], *, keep_going: bool = False
) -> Iterator[Sources]:
    """The destinations of these streams, for the length of the block.

    Args:
        destination: URL as given; None: as configured.
        streams: empty for all.
        keep_going: whether broken promises end the read.

    Raises:
        ConfigurationError: no destination is given or configured, or it is none.
    """
    wanted = streams or STREAMS
    places = {destination: wanted} if destination is not None else configured_places(load(), wanted)
    findings = Findings(
        keep_going=keep_going, on_warning=warn, on_problem=lambda message: warn(f"{message}; read on")
    )
    with ExitStack() as stack:
        stores = []
        for url, held in places.items():
            store = open_store(url)
            stack.callback(store.close)
            stores.append((store, held))
        yield Sources(tuple(stores), findings)


def configured_places(settings: Settings, streams: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Destination → the streams that are read there: of several destinations the first required one.

    Raises:
        ConfigurationError: a stream has no destination, or one that is none.
    """
    places: dict[str, tuple[str, ...]] = {}
    for stream in streams:
        destinations = _destinations(settings, stream)
        if not destinations:
            raise ConfigurationError(
                "no destination: give --destination, set OTEL_AUDIT_DESTINATION, "
                "or name a file that has one in OTEL_AUDIT_CONFIG"
            )
        url = str(parse_url(min(destinations, key=lambda place: not place.required).url))
        places[url] = (*places.get(url, ()), stream)
    return places


def written_places(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Destination → the streams that are written there; empty if there is none.

    Raises:
        ConfigurationError: a destination is none.
    """
    places: dict[str, tuple[str, ...]] = {}
    for stream in STREAMS:
        for place in _destinations(settings, stream):
            url = str(parse_url(place.url))
            places[url] = (*places.get(url, ()), stream)
    return places


def _destinations(settings: Settings, stream: str) -> tuple[Destination, ...]:
    options = settings.streams.platform if stream == "platform" else settings.streams.model_io
    if options.destinations or settings.log.destination is None:
        return options.destinations
    return (Destination(settings.log.destination),)
