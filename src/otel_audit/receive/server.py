"""Receiving, from the first connection to an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from otel_audit.errors import AuditError
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.desk import Desk
from otel_audit.receive.doors import DoorOptions, Doors
from otel_audit.receive.interpreter import made_for_receiving
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.siblings import WRITE_EVERY_S, Siblings

__all__ = ["end_process", "serve"]


def serve(
    pipeline: Pipeline,
    *,
    doors: DoorOptions,
    options: ReceiveOptions,
    on_listening: Callable[[DoorOptions], None],
    stop_timeout_s: float,
    lifeline: int | None = None,
    siblings: Siblings | None = None,
) -> bool:
    """Receives until SIGTERM or SIGINT, then ends in order. Runs an event loop of its own, on the main thread.

    Args:
        pipeline: open; closed on return.
        doors: where and for whom; port 0 stands for any.
        options: bounds.
        on_listening: called once requests are taken, with the ports that are.
        stop_timeout_s: within which what was taken becomes durable and reaches its destinations.
        lifeline: a descriptor whose end is a signal, too.
        siblings: other workers, whose metrics are told with ours.

    Returns:
        Whether it did. Otherwise what was answered OK is durable in the spool all the same.

    Raises:
        ConfigurationError: an address cannot be listened on, certificates or tokens cannot be read.
        AuditError: a server ended by itself.
    """
    with made_for_receiving():
        return asyncio.run(
            _serve(pipeline, doors, Desk(pipeline, options, siblings), on_listening, stop_timeout_s, lifeline)
        )


async def _serve(  # noqa: PLR0917  (serve() with names)
    pipeline: Pipeline,
    where: DoorOptions,
    desk: Desk,
    on_listening: Callable[[DoorOptions], None],
    stop_timeout_s: float,
    lifeline: int | None,
) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    if not where.shares_ports:
        where = replace(where, grpc=where.grpc.claim(), http=where.http.claim())
    doors = Doors(desk, where)
    await doors.open()
    on_listening(where)
    leaving = asyncio.create_task(_leave_metrics(desk))
    stopped = asyncio.create_task(stop.wait())
    watched = [stopped] if doors.serving is None else [stopped, doors.serving]
    await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)

    ended_by_itself = not stop.is_set()
    if lifeline is not None:
        loop.remove_reader(lifeline)
    leaving.cancel()
    deadline_s = time.monotonic() + stop_timeout_s
    answered = await desk.close(max(0.1, stop_timeout_s / 2))
    await doors.close()
    delivered = await asyncio.to_thread(pipeline.close, max(0.5, deadline_s - time.monotonic()))
    if ended_by_itself:
        raise AuditError("the HTTP server ended by itself; what was answered OK is durable")
    return answered and delivered


def end_process(code: int) -> NoReturn:
    """End this process now that everything is closed.

    Threads of granian's may still touch the interpreter while it goes down, which aborts the process in one of a few
    tries: so it does not go down in steps.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


async def _leave_metrics(desk: Desk) -> None:
    while True:
        # A folder that cannot be written leaves our samples out of what the others say, and nothing else.
        with contextlib.suppress(OSError):
            desk.leave_metrics()
        await asyncio.sleep(WRITE_EVERY_S)
