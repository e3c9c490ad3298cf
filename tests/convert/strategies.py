"""Spans that no instrumentation would make: any names, any values, odd times and ids."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from convert.building import START

REAL_NAMES = (
    "http.request.method", "http.method", "http.response.status_code", "http.status_code", "url.full", "http.url",
    "url.path", "url.query", "http.target", "http.route", "url.scheme", "http.scheme", "http.host",
    "http.flavor", "http.server_name", "server.address", "server.port", "client.address", "net.peer.ip",
    "net.peer.port", "net.peer.name", "net.host.name", "net.host.port", "network.peer.address",
    "user_agent.original", "http.user_agent", "http.request.header.x_user", "http.request.header.x-user",
    "http.request.header.x_request_id", "http.response.header.content_type", "http.request.body.size",
    "http.request.body.content", "user.id", "enduser.id", "user.email", "user.roles", "session.id", "error.type",
    "rpc.system", "rpc.method", "rpc.service", "rpc.grpc.status_code", "db.system", "audit.action", "audit.outcome",
    "audit.actor.id", "audit.notes", "audit.record.id", "audit.changes", "audit.subject.ids", "audit.source.id",
    "audit.target.type", "audit.oversight.at", "gen_ai.operation.name", "gen_ai.request.model",
    "gen_ai.provider.name", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.usage.input_tokens",
    "gen_ai.response.finish_reasons", "gen_ai.response.id", "asgi.event.type", "exception.type", "mcp.method.name",
)  # fmt: skip

REAL_TEXTS = (
    "GET", "_OTHER", "https://bob:pw@a.example:8443/x?y=1#z", "/x?y=%40", "?a=b", "127.0.0.1", "[::1]:80", "chat",
    "a.example:80", "anonymous", "success", "200", "", "[", "{}", '[{"role":"user","parts":[]}]', "tools/call",
)  # fmt: skip

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def texts(*, surrogates: bool = False) -> st.SearchStrategy[str]:
    letters = st.characters() if surrogates else st.characters(exclude_categories=("Cs",))
    return st.one_of(st.sampled_from(REAL_TEXTS), st.text(letters, max_size=20))


def attribute_values(*, wild: bool) -> st.SearchStrategy[Any]:
    """Plain values; ``wild`` also those that OTLP cannot encode."""
    integers = st.integers(-(2**80), 2**80) if wild else st.integers(-(2**63), 2**63 - 1)
    scalars = st.one_of(
        texts(surrogates=wild),
        st.booleans(),
        integers,
        st.integers(0, 600),
        st.floats(),
        st.binary(max_size=8),
        st.none(),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(texts(surrogates=wild).filter(bool), inner, max_size=3),
        ),
        max_leaves=5,
    )


def attribute_maps(*, wild: bool, max_size: int = 12) -> st.SearchStrategy[dict[str, Any]]:
    names = st.one_of(st.sampled_from(REAL_NAMES), texts(surrogates=wild).filter(bool))
    return st.dictionaries(names, attribute_values(wild=wild), max_size=max_size)


KINDS = ("internal", "server", "client", "producer", "consumer")

TIMES = st.one_of(
    st.integers(START - 10**9, START + 10**9), st.sampled_from([0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1])
)
