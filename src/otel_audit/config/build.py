"""From settings to the options of every room."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from otel_audit.config.identity import identity_options
from otel_audit.config.settings import Destination, Mask, ModelIo, Models, Ner, Platform, Settings
from otel_audit.convert.options import CaptureOptions, CaptureRule, ConvertOptions, ModelEndpoint
from otel_audit.encode.options import EncodeOptions
from otel_audit.errors import ConfigurationError
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.policy import MaskKey, MaskPolicy, MaskRule, OwnRecognizer
from otel_audit.mask.tags import ModelTag
from otel_audit.pipeline.options import DedupeOptions, PipelineOptions, StreamOptions
from otel_audit.registry.mlflow import check_mlflow
from otel_audit.registry.options import FOLDER, RegistryOptions
from otel_audit.store.extras import check_installed
from otel_audit.store.url import parse_url

_OUTBOX_MAX_BYTES: Final = 256 << 20

_DIGITS: Final = 16
"""Of a digest of one setting: two values differ in them but for one chance in 2^64."""

_FIRST_WAIT_S: Final = 3.0
_FIRST_WAIT_MLFLOW_S: Final = 10.0
"""Loading MLflow takes seconds."""

_NAMED_VERSIONS: Final = ("otel-audit", "opentelemetry-sdk", "pyarrow")


def pipeline_options(settings: Settings, *, service: str | None = None) -> PipelineOptions:
    """What the write path is told.

    Args:
        settings: complete settings.
        service: whose slot of the spool is taken; by default the service of the first record.

    Raises:
        ConfigurationError: no destination, an unsafe URL, or options that a room refuses.
    """
    log, platform_, model_io = settings.log, settings.streams.platform, settings.streams.model_io
    enabled = [name for name, stream in (("platform", platform_), ("model-io", model_io)) if stream.enabled]
    streams = (_stream("platform", platform_, settings), _stream("model-io", model_io, settings))
    return PipelineOptions(
        spool_root=spool_root(settings),
        streams=streams,
        convert=ConvertOptions(
            tenant=log.tenant,
            streams=frozenset(enabled),
            content=model_io.content,  # type: ignore[arg-type]  # the table accepts no other
            include_tools=model_io.actions,
            include_spans=frozenset(log.include_spans),
            models=tuple(
                ModelEndpoint(model.endpoint, model.name, model.version)
                for model in settings.models
                if model.endpoint
            ),
            identity=identity_options(settings.identity),
            capture=CaptureOptions(
                request_body=settings.capture.request_body,
                response_body=settings.capture.response_body,
                max_body_bytes=settings.capture.max_body_bytes,
                request_headers=settings.capture.request_headers,
                response_headers=settings.capture.response_headers,
                rules=tuple(CaptureRule(**asdict(rule)) for rule in settings.capture.rules),
            ),
            cut_at=frozenset(settings.mask.cut_at),
        ),
        mask=mask_policy(settings),
        registry=_registry(settings, streams[0]),
        max_record_bytes=log.max_record_bytes,
        spool_max_bytes=log.spool_max_bytes,
        service=service,
        opens={
            "host": socket.gethostname(),
            "versions": _versions(),
            "delivery": log.delivery,
            "config_fingerprint": fingerprint(settings),
        },
        settings=dict(_digests(settings)),
    )


def dedupe_options(settings: Settings) -> DedupeOptions:
    """How a sink knows records that come again."""
    return DedupeOptions(window_s=settings.dedupe.window, max_entries=settings.dedupe.max_entries)


def mask_policy(settings: Settings) -> MaskPolicy:
    """How personal data is masked.

    Raises:
        ConfigurationError: a rule names an unknown entity, or asks for a pseudonym without a key.
    """
    mask = settings.mask
    return MaskPolicy(
        keys=_keys(mask),
        rules=tuple(
            MaskRule(
                field=rule.field,
                operator=rule.operator,  # type: ignore[arg-type]  # the table accepts no other
                entity=rule.entity,
                stream=rule.stream,
                model=rule.model,
                route=rule.route,
            )
            for rule in mask.rules
        ),
        models=tuple(
            ModelTag(model.name, version=model.version, endpoint=model.endpoint, pii=model.pii)
            for model in settings.models
        ),
        registry=_registry_right(settings.registry),
        identity=mask.identity,  # type: ignore[arg-type]  # the table accepts no other
        listed=mask.listed if mask.fields == "allow-list" else None,
        recognizers=tuple(OwnRecognizer(**asdict(own)) for own in mask.recognizers),
        pii_outputs=mask.pii_outputs,  # type: ignore[arg-type]  # likewise
        ner=_ner(settings.ner),
    )


def _ner(ner: Ner) -> NerOptions | None:
    if ner.engine == "off":
        return None
    if not _is_there("presidio_analyzer"):
        raise ConfigurationError(
            'ner.engine = "presidio" needs what is not installed: pip install "otel-audit[ner]"'
        )
    if not (_is_there(ner.model) or Path(ner.model).is_dir()):
        raise ConfigurationError(
            "ner.model: there is no such spaCy pipeline, as a package or a folder, and none is fetched from the "
            "network: python -m spacy download en_core_web_lg"
        )
    return NerOptions(
        model=ner.model if _is_there(ner.model) else str(Path(ner.model).absolute()),
        language=ner.language,
        fields=ner.fields,
        score=ner.score,
        timeout_s=ner.timeout,
        load_timeout_s=ner.load_timeout,
    )


def _is_there(package: str) -> bool:
    """Whether there is such a package; loads nothing of it."""
    return package.isidentifier() and find_spec(package) is not None


def registry_url(platform_: StreamOptions) -> str:
    """The destination that holds the registry of models: of the platform stream's the first required one."""
    return min(platform_.destinations, key=lambda url: url in platform_.optional)


def _registry_right(models: Models) -> Literal["none", "raise", "trust"]:
    if not models.registry and models.mlflow_tracking_uri is None:
        return "none"
    return "trust" if models.trust_registry else "raise"


def _registry(settings: Settings, platform_: StreamOptions) -> RegistryOptions | None:
    models = settings.registry
    if models.mlflow_tracking_uri is not None:
        check_mlflow()
    elif not models.registry:
        return None
    return RegistryOptions(
        url=registry_url(platform_) if models.registry else None,
        folder=spool_root(settings) / FOLDER,
        mlflow_tracking_uri=models.mlflow_tracking_uri,
        is_trusted=models.trust_registry,
        first_wait_s=_FIRST_WAIT_S if models.mlflow_tracking_uri is None else _FIRST_WAIT_MLFLOW_S,
    )


def _keys(mask: Mask) -> tuple[MaskKey, ...]:
    """The key of new pseudonyms, then those of earlier ones."""
    if mask.key is None:
        if mask.old_keys:
            raise ConfigurationError(
                "mask.old_keys: there are earlier keys and no mask.key for new pseudonyms"
            )
        return ()
    if any(old.key is None for old in mask.old_keys):
        raise ConfigurationError("mask.old_keys: each needs a key, as env:NAME or file:/path")
    old = ((one.key_id, one.key) for one in mask.old_keys if one.key is not None)
    return tuple(MaskKey(name, key.reveal()) for name, key in ((mask.key_id, mask.key), *old))


def spool_root(settings: Settings) -> Path:
    """Folder of the spool: as set, or ``otel-audit`` under the user's state directory (XDG)."""
    if settings.log.spool is not None:
        return Path(settings.log.spool).expanduser()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "otel-audit"


def fingerprint(settings: Settings) -> str:
    """``sha256:<hex>`` of the settings in force. Secrets enter as ``***``, so it cannot be used to guess them."""
    return f"sha256:{hashlib.sha256(repr(settings).encode()).hexdigest()}"


def _digests(settings: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Name of each setting as a file has it, and a digest of its value; of a secret only whether it is set."""
    for entry in dataclasses.fields(settings):  # type: ignore[arg-type]  # a section is a dataclass
        value, name = getattr(settings, entry.name), (*path, entry.metadata.get("key") or entry.name)
        if "section" in entry.metadata:
            yield from _digests(value, name)
        else:
            yield ".".join(name), hashlib.sha256(repr(value).encode()).hexdigest()[:_DIGITS]


def _stream(name: str, stream: Platform | ModelIo, settings: Settings) -> StreamOptions:
    urls = tuple(_place(place.url) for place in stream.destinations)
    if not urls:
        if settings.log.destination is None:
            raise ConfigurationError(
                "no destination: set OTEL_AUDIT_DESTINATION, or destination under [log] in the file that "
                "OTEL_AUDIT_CONFIG names"
            )
        urls = (_place(settings.log.destination),)
    rotation = stream.rotation
    return StreamOptions(
        name=name,
        destinations=urls,
        optional=dict(_optional(name, stream.destinations)),
        files=EncodeOptions(
            format=stream.format,
            compression=stream.compression or ("gzip" if stream.format == "ndjson" else "zstd"),
        ),
        max_bytes=rotation.max_bytes or settings.rotation.max_bytes,
        max_age_s=rotation.max_age or settings.rotation.max_age,
    )


def _optional(stream: str, places: Sequence[Destination]) -> Iterator[tuple[str, int]]:
    """Destinations that records do not wait for, each with the bytes that may wait there."""
    for place in places:
        if not place.required:
            yield _place(place.url), place.outbox_max_bytes or _OUTBOX_MAX_BYTES
        elif place.outbox_max_bytes is not None:
            raise ConfigurationError(
                f"streams.{stream}.destinations: outbox_max_bytes bounds what waits for a destination with "
                "required = false; what waits for the others is bounded by spool_max_bytes"
            )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _NAMED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _place(url: str) -> str:
    """A destination in its one form. Raises ConfigurationError if it is none, or its client is not installed."""
    where = parse_url(url)
    check_installed(where)
    return str(where)
