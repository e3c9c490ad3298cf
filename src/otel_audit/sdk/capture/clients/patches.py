"""Wrappers around methods of other people's classes, inside of those that are there or come later.

An instrumentation wraps a client's method and starts its span in its wrapper. Ours has to run inside of it,
where that span is the current one, and instrumentations come before us as well as after. So a wrapper is put
next to the method itself, below whatever else was wrapped around it with wrapt, as OpenTelemetry's are; and it is
taken out from there again, whatever is around it by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import wrapt

__all__ = ["Patch", "Proxy", "Wrapper"]

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # its older versions take no type arguments

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""As wrapt calls it: what is wrapped, bound; the instance; positional and named arguments."""


class Patch:
    """One wrapper around one method.

    Args:
        owner: the class.
        name: of the method; a class that has none, being older or newer, is left alone.
        wrapper: called in its place.
    """

    def __init__(self, owner: type, name: str, wrapper: Wrapper) -> None:
        self._owner, self._name, self._wrapper = owner, name, wrapper
        self._ours: wrapt.FunctionWrapper[..., Any] | None = None

    def put(self) -> None:
        """Put the wrapper around the method."""
        if self._name not in vars(self._owner):
            return
        innermost = next(iter([*self._layers()][-1:]), None)
        method = vars(self._owner)[self._name] if innermost is None else innermost.__wrapped__
        self._ours = wrapt.FunctionWrapper(method, self._wrapper)
        if innermost is None:
            setattr(self._owner, self._name, self._ours)
        else:
            innermost.__wrapped__ = self._ours

    def take_out(self) -> None:
        """Put back what was there; others' wrappers stay."""
        ours, self._ours = self._ours, None
        if ours is None:
            return
        above = None
        for layer in self._layers():
            if layer is ours:
                if above is None:
                    setattr(self._owner, self._name, ours.__wrapped__)
                else:
                    above.__wrapped__ = ours.__wrapped__
                return
            above = layer

    def _layers(self) -> Iterator[Any]:
        """Wrappers around the method, outermost first, as far as they are wrapt's."""
        method: Any = vars(self._owner)[self._name]
        while isinstance(method, wrapt.FunctionWrapper | wrapt.BoundFunctionWrapper):
            # Whoever unwraps theirs leaves in the class what ours is when it is looked up through it.
            layer = method._self_parent if isinstance(method, wrapt.BoundFunctionWrapper) else method
            yield layer
            method = layer.__wrapped__
