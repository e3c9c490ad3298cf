"""``request.user`` of Starlette and FastAPI, behind the real instrumentation."""

from __future__ import annotations

import asyncio

import fastapi
import httpx
import pytest
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import otel_audit
from sdk.identity.audited import audited, known, who


class Clerk(BaseUser):
    is_authenticated = True
    display_name = "Jane Doe"
    identity = "clerk"


class Backend(AuthenticationBackend):
    """Believes a cookie, as sessions do."""

    async def authenticate(self, conn):
        await asyncio.sleep(0)
        match conn.cookies.get("session"):
            case "clerk":
                return AuthCredentials(["authenticated", "orders"]), Clerk()
            case "simple":
                return AuthCredentials(["authenticated"]), SimpleUser("simple-jane")
            case "none":
                return AuthCredentials(), UnauthenticatedUser()
        return None


@pytest.fixture
def log(tmp_path):
    with audited(tmp_path) as log:
        yield log


def calls(app, *requests):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return await asyncio.gather(
                *(
                    client.post("/api/orders", json={"user": "ceo"}, headers={"x-user": "ceo", **headers})
                    for headers in requests
                )
            )

    return asyncio.run(run())


def starlette_app(log):
    async def order(request: Request) -> JSONResponse:
        body = await request.json()
        log.chat(**{"user.id": body["user"]})
        return JSONResponse({"by": request.user.display_name})

    app = Starlette(
        routes=[Mount("/api", routes=[Route("/orders", order, methods=["POST"])])],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    StarletteInstrumentor.instrument_app(app, tracer_provider=log.provider)
    return app


def by_trace(records):
    found: dict[str, list] = {}
    for record in records:
        found.setdefault(record["traceId"], []).append(record)
    return list(found.values())


def test_who_is_logged_in_side_by_side(log):
    answers = calls(
        starlette_app(log),
        {"cookie": "session=clerk"}, {"cookie": "session=simple"}, {"cookie": "session=none"}, {},
    )  # fmt: skip
    assert [answer.json()["by"] for answer in answers] == ["Jane Doe", "simple-jane", "", ""]
    users = {}
    for records in by_trace(log.records()):
        server = next(record for record in records if record["eventName"] == "http.server")
        chat = next(record for record in records if record["eventName"] == "gen_ai.chat")
        assert server["user"] == chat["user"], "a model call is made by whoever made the request"
        assert {"origin": "user.id", "id": "ceo"} in chat["userClaims"]
        users.setdefault(server["user"]["id"], []).append(known(server["user"]))
    assert users["clerk"] == [{"id": "clerk", "type": "user", "origin": "starlette", "assurance": "verified"}]
    assert users["simple-jane"][0]["assurance"] == "verified"
    assert users[None] == [{"type": "anonymous", "origin": "starlette", "assurance": "verified"}] * 2


def test_listed_fields(tmp_path):
    with audited(tmp_path, identity={"fields": ["name", "roles"]}) as log:
        calls(starlette_app(log), {"cookie": "session=clerk"})
        server = next(record for record in log.records() if record["eventName"] == "http.server")
    assert server["user"]["name"] == "Jane Doe"
    assert server["user"]["roles"] == ["orders"]


def test_fastapi_with_the_middleware_and_with_a_dependency(log):
    app = fastapi.FastAPI()
    app.add_middleware(AuthenticationMiddleware, backend=Backend())

    async def current(request: fastapi.Request) -> str:
        if request.headers.get("x-key") == "k":
            otel_audit.set_user("by-key", method="api-key")
        return "by-key"

    def current_sync(user: str = fastapi.Depends(current)) -> str:
        return user

    @app.post("/api/orders")
    def order(user: str = fastapi.Depends(current_sync)) -> dict[str, str]:
        log.chat()
        return {"by": user}

    FastAPIInstrumentor.instrument_app(app, tracer_provider=log.provider)
    calls(app, {"cookie": "session=clerk"})
    calls(app, {"cookie": "session=clerk", "x-key": "k"})
    servers = [record for record in log.records() if record["eventName"] == "http.server"]
    chats = [record for record in log.records() if record["eventName"] == "gen_ai.chat"]
    assert [who(record) for record in servers] == [("clerk", "verified"), ("by-key", "verified")]
    assert [who(record) for record in chats] == [("clerk", "verified"), ("by-key", "verified")]
    assert servers[1]["userClaims"] == [{"origin": "starlette", "id": "clerk"}]
    assert known(servers[1]["auth"]) == {"method": "api-key"}


def test_a_dependency_in_a_thread_says_who_it_is(log):
    """FastAPI runs plain functions in threads, with a copy of the context."""
    app = fastapi.FastAPI()

    def current() -> str:
        otel_audit.set_user("threaded")
        return "threaded"

    @app.post("/api/orders")
    async def order(user: str = fastapi.Depends(current)) -> str:
        log.client()
        return user

    FastAPIInstrumentor.instrument_app(app, tracer_provider=log.provider)
    calls(app, {})
    users = {record["eventName"]: who(record) for record in log.records()}
    assert users == {"http.server": ("threaded", "verified"), "http.client": ("threaded", "verified")}


def test_streams_keep_their_user_to_the_end(log):
    from starlette.responses import StreamingResponse

    app = fastapi.FastAPI()
    app.add_middleware(AuthenticationMiddleware, backend=Backend())

    @app.post("/api/orders")
    async def order() -> StreamingResponse:
        async def parts():
            for number in range(3):
                await asyncio.sleep(0)
                log.chat()
                yield f"data: {number}\n\n"

        return StreamingResponse(parts(), media_type="text/event-stream")

    FastAPIInstrumentor.instrument_app(app, tracer_provider=log.provider)
    (answer,) = calls(app, {"cookie": "session=clerk"})
    assert answer.text.count("data:") == 3
    assert {who(record) for record in log.records()} == {("clerk", "verified")}
