"""The verified user's id in outgoing baggage, to the hosts that a setting names and to no other.

A propagator writes headers and does not know where they go. The span that an HTTP client's instrumentation has
started around it does: its kind is client, and its attributes name the host. Where they do not, nothing is added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.attributes import http_attributes, net_attributes
from opentelemetry.semconv._incubating.attributes.user_attributes import USER_ID
from opentelemetry.semconv.attributes import server_attributes, url_attributes

from otel_audit.sdk.notes import notes_of_context

__all__ = ["propagate_to"]

_BAGGAGE: Final = "baggage"

_URLS: Final = (url_attributes.URL_FULL, http_attributes.HTTP_URL)
_HOSTS: Final = (server_attributes.SERVER_ADDRESS, net_attributes.NET_PEER_NAME)


class _UserPropagator(TextMapPropagator):
    """The application's propagator, and the user to some hosts."""

    def __init__(self, inner: TextMapPropagator, hosts: Sequence[str]) -> None:
        self.inner = inner
        self._hosts = re.compile("|".join(translate(host.lower()) for host in hosts))
        self._baggage = W3CBaggagePropagator()

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        return self.inner.extract(carrier, context, getter)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        user_id = self._user(context)
        if user_id is None:
            self.inner.inject(carrier, context, setter)
        elif _BAGGAGE in self.inner.fields:
            self.inner.inject(carrier, baggage.set_baggage(USER_ID, user_id, context), setter)
        else:
            # The application sends no baggage of its own, so nothing but this goes along.
            self.inner.inject(carrier, context, setter)
            self._baggage.inject(carrier, baggage.set_baggage(USER_ID, user_id, Context()), setter)

    @property
    def fields(self) -> set[str]:
        return self.inner.fields | {_BAGGAGE}

    def _user(self, context: Context | None) -> str | None:
        try:
            span = trace.get_current_span(context)
            notes = notes_of_context(span.get_span_context())
            user = notes.scope.user if notes is not None else None
            if user is None or not user.id or not isinstance(span, ReadableSpan):
                return None
            host = _host_of(span)
            return user.id if host and self._hosts.match(host) else None
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            return None


def propagate_to(hosts: Sequence[str]) -> None:
    """From now on, to these hosts; to none, the application's propagator is its own again."""
    current = propagate.get_global_textmap()
    inner = current.inner if isinstance(current, _UserPropagator) else current
    if hosts:
        propagate.set_global_textmap(_UserPropagator(inner, hosts))
    elif inner is not current:
        propagate.set_global_textmap(inner)


def _host_of(span: ReadableSpan) -> str:
    if span.kind is not trace.SpanKind.CLIENT:
        return ""
    attributes: Mapping[str, Any] = span.attributes or {}
    for name in _URLS:
        if isinstance(url := attributes.get(name), str) and (host := urlsplit(url).hostname):
            return host.lower()
    for name in _HOSTS:
        if isinstance(host := attributes.get(name), str) and host:
            return host.lower()
    return ""
