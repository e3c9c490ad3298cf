"""``@audited``: a function whose calls are recorded, with who, on what, whether it worked and how long it took."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import aclosing
from typing import Any, ParamSpec, TypeVar, cast

from otel_audit.events import Event
from otel_audit.sdk.audited_call import AuditedFunction

__all__ = ["audited"]

P = ParamSpec("P")
R = TypeVar("R")


def audited(
    *,
    event_name: str | Event | None = None,
    action: str | None = None,
    target: str | Callable[..., object] | None = None,
    target_type: str | None = None,
    actor: str | Callable[..., object] | None = None,
    attributes: Mapping[str, object] | Callable[..., Mapping[str, object]] | None = None,
    required: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function, method, coroutine function or generator function.

    The record has the time at which the call began, its duration, and ``success`` or ``failure``; of an exception
    its type as ``errorCode`` and its message, masked, as ``errorMessage``. The exception goes on unchanged. A
    generator's call lasts until it is exhausted or closed. What is cancelled, or closed before its end, has the
    outcome ``unknown``.

    **Waiting, and what happens to the application if the log cannot be written.** A call is recorded as a span is:
    the caller waits for nothing but room in the queue, or, with ``delivery = "strict"``, up to 5 s until the record
    is durable; a coroutine awaits that off its event loop. Nothing of ours is raised: what cannot be recorded is
    counted, told in a gap record and in ``health()``; an application that runs without a destination runs
    un-audited, and a line in its log says so. ``required=True`` turns this around, for what must not happen
    un-audited: without a log the function is not called, and its caller gets its result only when the record is
    durable, :class:`~otel_audit.NotDurable` otherwise. The function has run by then. Its own exception always
    comes first.

    Args:
        event_name: one of ``otel_audit.events``, or a name of your own; by default ``<target type>.<action>``.
        action: an upper-case verb; by default that of the event.
        target: what it is done to: the name of an argument, a function of the arguments, or a constant text.
        target_type: what kind of thing that is; by default that of the event.
        actor: who does it: a text, or a function of the arguments; by default whom ``set_user`` or a framework
            names for the current request, else ``unknown``.
        attributes: whatever else is to be kept, or a function of the arguments.
        required: see above.

    Raises:
        InputError: neither an event nor an action is given, or one is not in its form; at decoration.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        made = AuditedFunction(
            function,
            event_name=event_name,
            action=action,
            target=target,
            target_type=target_type,
            actor=actor,
            attributes=attributes,
            required=required,
        )
        return cast("Callable[P, R]", _wrapped(function, made))

    return decorate


def _wrapped(function: Callable[..., Any], audited_function: AuditedFunction) -> Callable[..., Any]:
    called = audited_function.called
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_coroutine(*args: Any, **kwargs: Any) -> Any:
            async with called(args, kwargs):
                return await function(*args, **kwargs)

        return run_coroutine

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def run_async_generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with called(args, kwargs), aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item

        return run_async_generator

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def run_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with called(args, kwargs):
                return (yield from function(*args, **kwargs))

        return run_generator

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with called(args, kwargs):
            return function(*args, **kwargs)

    return run
