"""What a user decides about conversion."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from otel_audit.errors import ConfigurationError
from otel_audit.record.streams import STREAMS
from otel_audit.tokens.options import JwtOptions

__all__ = ["CaptureOptions", "CaptureRule", "ConvertOptions", "IdentityOptions", "ModelEndpoint"]

Content: TypeAlias = Literal["off", "as-captured", "full"]

IDENTITY_FIELDS: Final = frozenset({"name", "email", "roles"})
"""Children of ``user`` that are written only when listed."""

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})

SPAN_FAMILIES: Final = frozenset({"db", "messaging", "internal"})
"""Spans that are no records unless listed."""


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """How the question *who* is answered.

    Attributes:
        user_headers: captured request headers that name a user, best first; compared in lower case.
            What they say is a claim: anybody can send a header.
        fields: which of ``name``, ``email`` and ``roles`` of a user are written. What is not listed is left
            out of the record everywhere, and the record notes that something was.
        trusted_proxies: networks (CIDR) whose ``X-Forwarded-For`` and ``Forwarded`` are believed.
        jwt: how tokens are checked, ``None`` where none is.

    Raises:
        ConfigurationError: a field or network is not what it should be.
    """

    user_headers: tuple[str, ...] = ("x-user", "x-user-id", "x-forwarded-user", "x-authenticated-user")
    fields: frozenset[str] = frozenset()
    trusted_proxies: tuple[str, ...] = ()
    jwt: JwtOptions | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.fields) - IDENTITY_FIELDS:
            raise ConfigurationError(
                f"identity.fields: unknown {sorted(unknown)}; accepted are {sorted(IDENTITY_FIELDS)}"
            )
        secret = _CREDENTIALS | ({self.jwt.header} if self.jwt is not None else set())
        if unfit := {header.lower().replace("_", "-") for header in self.user_headers} & secret:
            raise ConfigurationError(
                f"identity.user_headers: {sorted(unfit)} hold credentials, which are never written"
            )
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ConfigurationError(
                    f"identity.trusted_proxies: {network!r} is not a network such as 10.0.0.0/8"
                ) from None


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """An HTTP route that is a model.

    Attributes:
        pattern: route template or path, as in ``/v1/models/churn:predict``; ``*`` stands for any text.
            A client's pattern may start with the host: ``ml.acme.example/v1/*``.
        name: becomes ``modelInfo.modelName``.
        version: becomes ``modelInfo.modelVersion``.
    """

    pattern: str
    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """Which captured bodies are written, by route and model.

    Attributes:
        route: pattern as of :class:`ModelEndpoint`; ``None`` for any route.
        model: pattern of the model's name, likewise.
        request_body: whether bodies of requests are; ``None`` leaves it as it is otherwise.
        response_body: likewise.
    """

    route: str | None = None
    model: str | None = None
    request_body: bool | None = None
    response_body: bool | None = None


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """Which captured bodies are written.

    Attributes:
        request_body: whether bodies of requests are, where no rule says otherwise.
        response_body: likewise.
        max_body_bytes: what is written of one, from its beginning.
        request_headers: globs of lower-case names of captured headers that are written; ``None`` for all.
        response_headers: likewise.
        rules: the first that matches wins.
    """

    request_body: bool = False
    response_body: bool = False
    max_body_bytes: int = 64 << 10
    request_headers: tuple[str, ...] | None = None
    response_headers: tuple[str, ...] | None = None
    rules: tuple[CaptureRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """Settings of the conversion room.

    Attributes:
        tenant: written into every record.
        streams: which of ``platform`` and ``model-io`` are on. ``platform`` takes ``audit.*`` even when off.
        content: ``off`` leaves messages, bodies and tool arguments out of every record; ``full`` also reads
            what was collected beside spans.
        include_tools: whether tool, agent, chain, retriever and MCP spans become records.
        include_spans: of ``db``, ``messaging``, ``internal``: spans that otherwise become no records.
        models: HTTP routes that are models.
        route_actions: ``(route pattern, verb)``: what a route does, where the HTTP method does not say it.
        identity: see :class:`IdentityOptions`.
        capture: see :class:`CaptureOptions`.
        bound_event_time: whether a time outside [observed - 7 d, observed + 1 h] moves the record into the
            partition of its observed time. Off for files that are read long after the fact.
        cut_at: characters that SDKs cut values to whose spans do not say so.

    Raises:
        ConfigurationError: a stream, family or content mode is unknown.
    """

    tenant: str = "default"
    streams: frozenset[str] = frozenset(STREAMS)
    content: Content = "as-captured"
    include_tools: bool = True
    include_spans: frozenset[str] = frozenset()
    models: tuple[ModelEndpoint, ...] = ()
    route_actions: tuple[tuple[str, str], ...] = ()
    identity: IdentityOptions = field(default_factory=IdentityOptions)
    capture: CaptureOptions = field(default_factory=CaptureOptions)
    bound_event_time: bool = True
    cut_at: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if unknown := set(self.streams) - set(STREAMS):
            raise ConfigurationError(f"streams: unknown {sorted(unknown)}; accepted are {list(STREAMS)}")
        if unknown := set(self.include_spans) - SPAN_FAMILIES:
            raise ConfigurationError(
                f"include_spans: unknown {sorted(unknown)}; accepted are {sorted(SPAN_FAMILIES)}"
            )
        if self.content not in ("off", "as-captured", "full"):
            raise ConfigurationError("content: accepted are 'off', 'as-captured' and 'full'")
