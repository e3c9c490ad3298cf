"""Applications that know nothing of us, for real servers to run under auto-instrumentation."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator

import fastapi
import flask

wsgi = flask.Flask(__name__)
asgi = fastapi.FastAPI()


@wsgi.post("/echo")
def echo() -> dict[str, object]:
    return {"got": flask.request.get_json(force=True)}


@wsgi.post("/form")
def form() -> str:
    flask.request.files["scan"].read()
    return f"{flask.request.form['note']}\n"


@wsgi.get("/events")
def events() -> flask.Response:
    def parts() -> Iterator[str]:
        pause = threading.Event()
        for number in range(3):
            yield f"data: {number} {time.time()}\n\n"
            pause.wait(0.4)

    return flask.Response(parts(), mimetype="text/event-stream")


@wsgi.get("/file")
def file() -> flask.Response:
    return flask.send_file(__file__, mimetype="text/plain")


@wsgi.get("/fails")
def fails() -> str:
    raise RuntimeError("own")


@asgi.post("/echo")
async def echo_async(request: fastapi.Request) -> dict[str, object]:
    return {"got": await request.json()}


@asgi.get("/events")
async def events_async() -> fastapi.responses.StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        import asyncio

        for number in range(3):
            yield f"data: {number} {time.time()}\n\n"
            await asyncio.sleep(0.4)

    return fastapi.responses.StreamingResponse(parts(), media_type="text/event-stream")


@asgi.get("/endless")
async def endless() -> fastapi.responses.StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        import asyncio

        while True:
            yield b"again and again and again\n" * 100
            await asyncio.sleep(0)

    return fastapi.responses.StreamingResponse(parts(), media_type="text/plain")


@asgi.websocket("/talk")
async def talk(socket: fastapi.WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()
