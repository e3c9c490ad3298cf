"""Our wrappers around a few functions of frameworks, put there when these are imported and taken off again.

Nothing is put into a list of the application's own (middleware, handlers, hooks), so nothing that it does there
changes what we see or what it sees. What fails here costs us the user, and the application nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final, NamedTuple

from otel_audit.sdk.identity.imports import ImportWatcher

__all__ = ["apply", "restore"]

_log = logging.getLogger(__name__)


class _Patch(NamedTuple):
    """A function of a framework, and the function of ours in ``home`` that goes around it.

    Attributes:
        for_tokens: whether it is there for tokens alone, and so only while any are checked.
    """

    module: str
    path: str
    home: str
    wrapper: str
    for_tokens: bool = False


_HERE: Final = "otel_audit.sdk.identity"

_PATCHES: Final = (
    _Patch("django.contrib.auth", "get_user", f"{_HERE}.django_users", "around_get_user"),
    _Patch("django.contrib.auth", "aget_user", f"{_HERE}.django_users", "around_aget_user"),
    _Patch("django.core.handlers.base", "BaseHandler._get_response",
           f"{_HERE}.django_users", "around_get_response"),
    _Patch("django.core.handlers.base", "BaseHandler._get_response_async",
           f"{_HERE}.django_users", "around_get_response_async"),
    _Patch("flask.app", "Flask.dispatch_request", f"{_HERE}.flask_users", "around_dispatch"),
    _Patch("flask.app", "Flask.finalize_request", f"{_HERE}.flask_users", "around_finalize"),
    _Patch("flask_login.login_manager", "LoginManager._update_request_context_with_user",
           f"{_HERE}.flask_users", "around_update"),
    _Patch("starlette.routing", "Router.__call__", f"{_HERE}.starlette_users", "around_router"),
    _Patch("starlette.middleware.authentication", "AuthenticationMiddleware.__call__",
           f"{_HERE}.starlette_users", "around_middleware"),
    _Patch("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware.__call__",
           f"{_HERE}.middleware_tokens", "around_asgi", for_tokens=True),
    _Patch("opentelemetry.instrumentation.wsgi", "OpenTelemetryMiddleware.__call__",
           f"{_HERE}.middleware_tokens", "around_wsgi", for_tokens=True),
)  # fmt: skip


class _State:
    is_on = False
    checks_tokens = False


_applied: Final[dict[_Patch, tuple[Any, str, Any, Any]]] = {}
"""Patch → whose attribute, its name, what it was and what it is."""


def apply(*, checks_tokens: bool) -> None:
    """Patch what is imported, and the rest when it is.

    Args:
        checks_tokens: whether any settings ask for tokens.
    """
    _State.is_on, _State.checks_tokens = True, checks_tokens
    _watcher.watch()
    _take_off([patch for patch in _applied if not _is_wanted(patch)])


def restore() -> None:
    """Take off every patch that nobody else has wrapped since; the others do nothing any more."""
    _State.is_on = False
    _watcher.stop()
    _take_off(list(_applied))


def _is_wanted(patch: _Patch) -> bool:
    return _State.is_on and (_State.checks_tokens or not patch.for_tokens)


def _take_off(patches: list[_Patch]) -> None:
    for patch in patches:
        owner, name, before, now = _applied[patch]
        if vars(owner).get(name) is now:
            setattr(owner, name, before)
            del _applied[patch]


def _patch_module(module: ModuleType) -> None:
    """Called by the import system, whose caller is the application: never raises."""
    for patch in _PATCHES:
        if patch.module == module.__name__ and patch not in _applied and _is_wanted(patch):
            try:
                _wrap(patch, module)
            except Exception as error:  # noqa: BLE001  (another version: the user stays unknown)
                _log.warning("%s.%s is not as known: %s", patch.module, patch.path, type(error).__name__)


def _wrap(patch: _Patch, module: ModuleType) -> None:
    owner: Any = module
    *outer, name = patch.path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    before = vars(owner).get(name)
    if before is None:  # a version that does not have it
        return
    wrapper: Callable[..., Any] = getattr(import_module(patch.home), patch.wrapper)

    def switched(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if not _is_wanted(patch):
            return wrapped(*args, **kwargs)
        return wrapper(wrapped, instance, args, kwargs)

    # Not at the top: wrapt imports asyncio, as every framework here has done by now, and with it ssl, which
    # gevent must patch before anybody imports it.
    from wrapt import FunctionWrapper  # noqa: PLC0415

    now = FunctionWrapper(before, switched)
    setattr(owner, name, now)
    _applied[patch] = (owner, name, before, now)


_watcher: Final = ImportWatcher({patch.module for patch in _PATCHES}, _patch_module)
