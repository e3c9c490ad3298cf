"""What a write path is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otel_audit.convert.options import ConvertOptions
from otel_audit.encode.options import EncodeOptions
from otel_audit.mask.policy import MaskPolicy
from otel_audit.registry.options import RegistryOptions


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How one stream is written.

    Attributes:
        name: ``platform`` or ``model-io``.
        destinations: URLs.
        optional: those of them that records do not wait for, each with the bytes that may wait: what is older
            is given up there.
        files: format and compression of its files.
        max_bytes: size of a file, compressed, at which a segment is sealed; estimated from the last ratio.
        max_age_s: age of the oldest record at which a segment is sealed, seconds.
    """

    name: str
    destinations: tuple[str, ...]
    optional: Mapping[str, int] = field(default_factory=dict)
    files: EncodeOptions = field(default_factory=EncodeOptions)
    max_bytes: int = 64 << 20
    max_age_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ShippingOptions:
    """When what is sealed is brought on.

    Attributes:
        refused_times: refusals of one object, while the destination takes others, that are final …
        refused_over_s: … if this many seconds lie between the first and the last; monotonic.
        heartbeat_s: seconds without a commit after which a writer says that it is still there.
        idle_look_s: seconds between looks of an idle process at what dead ones left, and at its heartbeats.
    """

    refused_times: int = 5
    refused_over_s: float = 600.0
    heartbeat_s: float = 3_600.0
    idle_look_s: float = 60.0


@dataclass(frozen=True, slots=True)
class DedupeOptions:
    """By how much a record that comes again is known.

    Attributes:
        window_s: for how long at least, seconds, unless …
        max_entries: … more than so many records came since. 32 bytes of memory each, taken at the start.
    """

    window_s: float = 600.0
    max_entries: int = 2_000_000


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """One write path.

    Attributes:
        spool_root: folder of the spool.
        streams: the streams that are written.
        registry: registries of models that are honoured; None for none.
        max_record_bytes: texts of a record beyond it are cut.
        spool_max_bytes: bytes that all slots of the service may hold together; None leaves it to the room.
        service: whose slot of the spool is taken; by default the service of the first record.
        opens: what the first manifest of each writer says of this process.
        settings: name of each setting → a digest of its value, by which the log tells what was changed.
        shipping: when what is sealed is brought on.
        dedupe: how records that come again are known; None where they cannot.
    """

    spool_root: Path
    streams: tuple[StreamOptions, ...]
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    mask: MaskPolicy = field(default_factory=MaskPolicy)
    registry: RegistryOptions | None = None
    max_record_bytes: int = 1 << 20
    spool_max_bytes: int | None = None
    service: str | None = None
    opens: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    shipping: ShippingOptions = field(default_factory=ShippingOptions)
    dedupe: DedupeOptions | None = None

    @property
    def late_threads(self) -> int:
        """Threads that start once there is something to ship: the shipper, and two for each destination."""
        return 1 + 2 * len({url for stream in self.streams for url in stream.destinations})
