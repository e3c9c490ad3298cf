"""Hello-world in Flask and FastAPI, and how much CPU time its process has used."""

from __future__ import annotations

import os
import time

import fastapi
import flask
from opentelemetry import trace

from otel_audit.sdk import sharing

HELLO = {"hello": "x" * 1000}

wsgi = flask.Flask(__name__)
asgi = fastapi.FastAPI()


def used(settle: str) -> dict[str, float]:
    """CPU seconds of this process, once what was asked before is handed on.

    Args:
        settle: ``recorded``: exported over OTLP, or durable in the spool; ``shipped``: at its destination, too.
    """
    recorder = sharing.only()
    if settle == "shipped" or recorder is None:
        trace.get_tracer_provider().force_flush()
    else:
        recorder.make_durable(30)
    return {"cpu_s": time.process_time(), "pid": os.getpid()}


@wsgi.post("/hello")
def hello() -> dict[str, object]:
    return HELLO | {"got": len(flask.request.get_data())}


@wsgi.get("/used/<settle>")
def used_by_wsgi(settle: str) -> dict[str, float]:
    return used(settle)


@asgi.post("/hello")
async def hello_async(request: fastapi.Request) -> dict[str, object]:
    return HELLO | {"got": len(await request.body())}


@asgi.get("/used/{settle}")
def used_by_asgi(settle: str) -> dict[str, float]:
    return used(settle)
