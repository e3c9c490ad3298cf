"""Being told when one of a few modules has been imported.

By hand, since wrapt, which has this, imports asyncio and with it ssl, which gevent must patch before anybody does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["ImportWatcher"]


class ImportWatcher(MetaPathFinder):
    """Finds nothing by itself; tells of modules that others find, once they have been executed.

    Args:
        names: of the modules.
        tell: is given each; must not raise, since its caller is whoever imports the module.
    """

    def __init__(self, names: Iterable[str], tell: Callable[[ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._tell = tell

    def watch(self) -> None:
        """Tell of what is imported already, and from now on."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in self._names:
            module = sys.modules.get(name)
            # One that another thread is importing is told of when that is done.
            if module is not None and not getattr(module.__spec__, "_initializing", False):
                self._tell(module)

    def stop(self) -> None:
        """Tell of nothing more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders behind this one find, with a loader that tells us when it is done."""
        if fullname not in self._names:
            return None
        # Not those in front, which were asked and may be others of our kind: they would ask us in turn.
        finders = list(sys.meta_path)
        if self not in finders:
            return None
        for finder in finders[finders.index(self) + 1 :]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._follow(spec)
                return spec
        return None

    def _follow(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def execute_and_tell(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == spec.name:
                self._tell(module)

        try:
            loader.exec_module = execute_and_tell  # type: ignore[union-attr, method-assign]
        except AttributeError:  # a loader that cannot be followed: its module stays as it is
            return
