"""Applications that know nothing of us, for servers to run under auto-instrumentation."""

from __future__ import annotations

import os

import fastapi
import flask

wsgi = flask.Flask(__name__)
asgi = fastapi.FastAPI()


@wsgi.get("/work/<int:number>")
def work(number: int) -> str:
    return f"{number} {os.getpid()}"


@asgi.get("/work/{number}")
async def work_async(number: int) -> str:
    return f"{number} {os.getpid()}"
