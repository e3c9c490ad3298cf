"""Every setting, once: its name, how it is written, its default and what it means.

The dataclasses below are the table. ``loader.py`` reads files, variables and arguments by it, ``doctor`` and
``docs/configuration.md`` print it. A section is a nested dataclass, a list of tables a tuple of one; the name
of a setting in a file is its path (``rotation.max_age``), in the environment ``OTEL_AUDIT_`` and its path in
capitals joined by ``_``. The section ``log`` is left out of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from otel_audit.config.values import Secret, count, counts, duration, flag, one_of, share, size, text, texts


def setting(parse: Callable[[Any], object], meaning: str, default: object = None, *, key: str = "") -> Any:
    """A leaf. ``default`` is written as a user would write it; None means not set."""
    value = None if default is None else parse(default)
    return field(default=value, metadata={"parse": parse, "meaning": meaning, "written": default, "key": key})


def secret_setting(meaning: str) -> Any:
    """A leaf that holds a secret, given as ``env:NAME`` or ``file:/path``."""
    return field(default=None, metadata={"secret": True, "meaning": meaning, "written": None, "key": ""})


def section(kind: type, *, key: str = "", list_key: str | None = None) -> Any:
    """A nested table; one that is written as a list of tables is the list under ``list_key``."""
    return field(default_factory=kind, metadata={"section": kind, "key": key, "list": list_key})


def tables(kind: type, meaning: str, *, key: str = "") -> Any:
    """A list of tables; written only in files and arguments."""
    return field(default=(), metadata={"tables": kind, "meaning": meaning, "key": key})


@dataclass(frozen=True, slots=True)
class Destination:
    """One place where a stream is written."""

    url: str = setting(text, "folder, file://, gs://, s3://, abfs:// or memory:// URL")
    required: bool = setting(flag, "whether records wait for it, however long", True)
    outbox_max_bytes: int | None = setting(
        size,
        "what may wait for it if it is not required, by default 256MiB; older records are given up there",
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a segment is sealed and becomes files."""

    max_bytes: int = setting(size, "size of a file, compressed, estimated", "64MiB")
    max_age: float = setting(duration, "age of the oldest record that is not in a file yet", "60s")


@dataclass(frozen=True, slots=True)
class RotationOverride:
    """The same for one stream; what is not set follows ``[rotation]``."""

    max_bytes: int | None = setting(size, "as rotation.max_bytes, for this stream")
    max_age: float | None = setting(duration, "as rotation.max_age, for this stream")


@dataclass(frozen=True, slots=True)
class Platform:
    """API calls and administrative actions."""

    enabled: bool = setting(flag, "off leaves only the log's own life (audit.*)", True)
    format: str = setting(one_of("parquet", "ndjson"), "file format", "parquet")
    compression: str | None = setting(one_of("zstd", "gzip"), "zstd; for ndjson also gzip, its default")
    rotation: RotationOverride = section(RotationOverride)
    destinations: tuple[Destination, ...] = tables(Destination, "instead of log.destination")


@dataclass(frozen=True, slots=True)
class ModelIo:
    """Predictions with their inputs and outputs."""

    enabled: bool = setting(flag, "off records no inference span", True)
    format: str = setting(one_of("parquet", "ndjson"), "file format", "parquet")
    compression: str | None = setting(one_of("zstd", "gzip"), "zstd; for ndjson also gzip, its default")
    content: str = setting(
        one_of("off", "as-captured", "full"),
        "whether messages and bodies are written; full also collects what instrumentations leave out",
        "as-captured",
    )
    actions: bool = setting(flag, "whether tool, agent, chain and retrieval spans are recorded", True)
    rotation: RotationOverride = section(RotationOverride)
    destinations: tuple[Destination, ...] = tables(Destination, "instead of log.destination")


@dataclass(frozen=True, slots=True)
class Streams:
    """The two streams."""

    platform: Platform = section(Platform)
    model_io: ModelIo = section(ModelIo, key="model-io")


@dataclass(frozen=True, slots=True)
class Log:
    """The log as a whole; keys stand at the top level of arguments and under ``[log]`` in files."""

    destination: str | None = setting(text, "folder, file://, gs://, s3://, abfs:// or memory:// URL")
    spool: str | None = setting(text, "folder; by default one per user under the state directory")
    delivery: str = setting(
        one_of("blocking", "best-effort", "strict"),
        "what the caller waits for; docs/guarantees.md",
        "blocking",
    )
    on_error: str = setting(
        one_of("exit", "warn"),
        "what a wrong configuration does at start",
        "exit",
    )
    preflight: bool = setting(flag, "try the destination at start", False)
    tenant: str = setting(text, "tenant of records from this process", "default")
    include_spans: tuple[str, ...] = setting(texts, "also record db, messaging or internal spans", ())
    sampling: str = setting(
        one_of("all", "as-sampled"),
        "all: what the trace sampler drops is recorded too, for the log alone",
        "all",
    )
    queue_max_records: int = setting(count, "spans that may wait in memory", 8192)
    max_record_bytes: int = setting(
        size, "texts of a record beyond it are cut, longest first, and it is noted", "1MiB"
    )
    queue_max_bytes: int = setting(size, "their size, estimated from samples", "128MiB")
    on_sigterm: str = setting(
        one_of("finish", "ignore"),
        "finish: where the application leaves SIGTERM to the system, write and ship what was recorded, then end by it",
        "finish",
    )
    spool_max_bytes: int | None = setting(
        size, "for all processes of a service together; by default 4 GiB or half of the free space"
    )


@dataclass(frozen=True, slots=True)
class Jwt:
    """Checking the tokens that requests bring; off unless there is a key."""

    secret: Secret | None = secret_setting("key of the HS algorithms")
    pem: str | None = setting(text, "file with a public key or certificate")
    jwks: str | None = setting(text, "file with a JSON Web Key Set")
    jwks_url: str | None = setting(text, "https:// URL of a JSON Web Key Set, fetched by a thread of ours")
    jwks_max_age: float = setting(
        duration, "how long a fetched set is used before it is fetched again", "10m"
    )
    algorithms: tuple[str, ...] = setting(texts, "accepted; by default all that fit the kind of key", ())
    issuer: str | None = setting(text, "iss that tokens must have")
    audience: tuple[str, ...] = setting(
        texts, "of which aud must have one; without it only tokens without aud are accepted", ()
    )
    claim: str = setting(text, "whose value is the id of the user", "sub")
    header: str = setting(text, "request header that brings the token", "authorization")
    cookie: str | None = setting(text, "cookie that may bring it instead")
    leeway: float = setting(duration, "by how much clocks may differ", "30s")
    read_unchecked: bool = setting(
        flag, "whether a token that proves nothing is read for a claim, which stands in userClaims", False
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who."""

    fields: tuple[str, ...] = setting(texts, "name, email and roles are written only if listed", ())
    user_headers: tuple[str, ...] = setting(
        texts,
        "captured request headers that claim a user, best first",
        ("x-user", "x-user-id", "x-forwarded-user", "x-authenticated-user"),
    )
    trusted_proxies: tuple[str, ...] = setting(texts, "networks whose X-Forwarded-For is believed", ())
    user_attribute: str | None = setting(
        text,
        "attribute of the framework's user object that is the id; by default its primary key (Django), "
        "get_id() (Flask-Login) or identity (Starlette)",
    )
    propagate_to: tuple[str, ...] = setting(
        texts, "hosts, globs match, to which the id of a verified user goes along as baggage user.id", ()
    )
    jwt: Jwt = section(Jwt)


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """Which bodies are written, by route and model; the first rule that matches wins."""

    route: str | None = setting(text, "route template or path; globs match")
    model: str | None = setting(text, "model name; globs match")
    request_body: bool | None = setting(flag, "as capture.request_body, where this rule matches")
    response_body: bool | None = setting(flag, "as capture.response_body, where this rule matches")


@dataclass(frozen=True, slots=True)
class Capture:
    """Bodies and headers, which no span carries."""

    request_body: bool = setting(flag, "whether bodies of requests are written", False)
    response_body: bool = setting(flag, "whether bodies of responses are written", False)
    max_body_bytes: int = setting(size, "what is kept of a body, from its beginning", "64KiB")
    request_headers: tuple[str, ...] = setting(
        texts, "names of request headers that are written, globs match; credentials never are", ()
    )
    response_headers: tuple[str, ...] = setting(texts, "likewise, of response headers", ())
    hold: float = setting(
        duration, "how long a record waits for the end of a body that outlives its span", "1s"
    )
    memory_max_bytes: int = setting(
        size, "what bodies may take in memory, all together; those beyond it are not written", "64MiB"
    )
    rules: tuple[CaptureRule, ...] = tables(CaptureRule, "bodies by route and model")


@dataclass(frozen=True, slots=True)
class MaskRule:
    """What happens to a field; the first rule that matches wins."""

    field: str = setting(text, "path glob, such as requestHeaders.x-tenant-*")
    operator: str = setting(one_of("keep", "redact", "hash", "partial", "drop"), "what is done")
    entity: str | None = setting(text, "only for this entity type")
    stream: str | None = setting(one_of("platform", "model-io"), "only in this stream")
    model: str | None = setting(text, "only for this model")
    route: str | None = setting(text, "only on this route")


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Personal data or credentials of a kind that only you know."""

    name: str = setting(text, "a-z, digits and -")
    entity: str = setting(text, "type that stands in the token, such as EMPLOYEE_ID")
    pattern: str = setting(text, "RE2; its first group, else all of it, is masked")
    keywords: tuple[str, ...] = setting(
        texts, "one of them stands in every text that can match; saves time", ()
    )
    context: tuple[str, ...] = setting(texts, "one of them stands within 64 bytes before, or is the key", ())
    check: str | None = setting(text, "luhn, or a module of python-stdnum such as nl.bsn")
    secret: bool = setting(flag, "a credential: never written, whatever a rule says", False)
    matches: tuple[str, ...] = setting(texts, "examples in which it is found, at least one")
    rejects: tuple[str, ...] = setting(texts, "examples in which it is not", ())


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key that pseudonyms were made with before ``mask.key``; `otel-audit mask lookup` still finds them."""

    key_id: str = setting(text, "its name in those pseudonyms")
    key: Secret | None = secret_setting("as it was")


@dataclass(frozen=True, slots=True)
class Mask:
    """How personal data is masked."""

    key: Secret | None = secret_setting("at least 32 bytes; without it the operator is redact")
    key_id: str = setting(text, "name of the key in pseudonyms", "k1")
    old_keys: tuple[OldKey, ...] = tables(OldKey, "keys of earlier pseudonyms")
    identity: str = setting(one_of("keep", "hash", "redact"), "what becomes of user ids", "keep")
    pii_outputs: str | None = setting(
        one_of("keep", "withhold"),
        "outputs of models with the PII tag; by default predictions stay, quotes go",
    )
    rules: tuple[MaskRule, ...] = tables(MaskRule, "exceptions by field")
    fields: str = setting(
        one_of("all", "allow-list"),
        "allow-list: texts and values of fields that are not listed are withheld",
        "all",
    )
    listed: tuple[str, ...] = setting(
        texts,
        "path globs for fields = allow-list; what is below a path is listed, too",
        (
            "action",
            "route",
            "rpc",
            "errorCode",
            "service",
            "server",
            "scope",
            "modelInfo",
            "target",
            "auth",
            "requestId",
            "versionId",
            "namespace",
        ),
    )
    cut_at: tuple[int, ...] = setting(
        counts,
        "attribute length limits, in characters, of SDKs that send OTLP: what is exactly as long loses its end",
        (),
    )
    recognizers: tuple[Recognizer, ...] = tables(Recognizer, "of your own; `otel-audit mask test` tries them")


@dataclass(frozen=True, slots=True)
class Ner:
    """Names of persons and places, which no pattern finds: an engine looks for them, in a process of its own."""

    engine: str = setting(one_of("off", "presidio"), "presidio needs the extra ner and a spaCy model", "off")
    model: str = setting(
        text, "package or folder of a spaCy pipeline; never fetched from the network", "en_core_web_lg"
    )
    language: str = setting(text, "of the texts, as the model says it", "en")
    fields: tuple[str, ...] = setting(
        texts,
        "of records, whose texts are looked at",
        ("request", "response", "errorMessage", "events", "changes", "attributes", "spanName"),
    )
    score: float = setting(share, "below it a finding does not count", "0.4")
    timeout: float = setting(
        duration,
        "for a batch, of at most 512 records; texts that nobody looked at by then are withheld",
        "30s",
    )
    load_timeout: float = setting(duration, "for loading the model, besides", "60s")


@dataclass(frozen=True, slots=True)
class Model:
    """A model, for tagging and for routes that are models."""

    name: str = setting(text, "model name; globs match")
    version: str | None = setting(text, "version")
    endpoint: str | None = setting(text, "HTTP route that is this model")
    pii: bool = setting(flag, "its input is never written", False)


@dataclass(frozen=True, slots=True)
class Models:
    """Models, and where else they may be registered."""

    registry: bool = setting(
        flag, "whether the registry beside the log (otel-audit models) is read by applications", True
    )
    trust_registry: bool = setting(
        flag, "whether what is registered may also take away a tag that is configured", False
    )
    mlflow_tracking_uri: str | None = setting(
        text, "MLflow whose registered models and versions with the tag pii = true are honoured; extra mlflow"
    )
    entries: tuple[Model, ...] = tables(Model, "models the log knows")


@dataclass(frozen=True, slots=True)
class Dedupe:
    """How `otel-audit serve` knows a record that comes again."""

    window: float = setting(duration, "for how long a record is known at least, unless", "10m")
    max_entries: int = setting(
        count, "more records than these came since; 32 bytes of memory each, taken at the start", 2_000_000
    )


@dataclass(frozen=True, slots=True)
class ProofKey:
    """A key whose proofs are believed: either a file or a secret."""

    name: str = setting(text, "by which records may name a key of a file")
    file: str | None = setting(
        text, "PEM of certificates, or of a public key (EdDSA, ES256, RS256 and others)"
    )
    secret: Secret | None = secret_setting("at least 32 bytes, shared with whoever proves (HMAC-SHA256)")


@dataclass(frozen=True, slots=True)
class Proofs:
    """What `otel-audit serve` asks of the proofs that audit records carry; see docs/audit-signal.md."""

    required: bool = setting(
        flag, "whether a record without a proof that holds is refused on /v1/audit", False
    )
    keys: tuple[ProofKey, ...] = tables(ProofKey, "keys that are trusted")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, complete and checked."""

    log: Log = section(Log)
    streams: Streams = section(Streams)
    rotation: Rotation = section(Rotation)
    identity: Identity = section(Identity)
    capture: Capture = section(Capture)
    mask: Mask = section(Mask)
    ner: Ner = section(Ner)
    registry: Models = section(Models, key="models", list_key="entries")
    dedupe: Dedupe = section(Dedupe)
    proofs: Proofs = section(Proofs)

    @property
    def models(self) -> tuple[Model, ...]:
        """Models that are configured."""
        return self.registry.entries
