"""What a reader comes upon besides records."""

from __future__ import annotations

from collections.abc import Callable

from otel_audit.errors import IntegrityError


def _unheard(_: str) -> None:
    return


class Findings:
    """Warnings and broken promises of one read, and whether to read on past the latter.

    Args:
        keep_going: False: the first broken promise ends the read.
        on_warning: called with each warning, once.
        on_problem: called with each broken promise that the read goes past.

    Attributes:
        problems: what the read went past.
    """

    def __init__(
        self,
        *,
        keep_going: bool = False,
        on_warning: Callable[[str], None] = _unheard,
        on_problem: Callable[[str], None] = _unheard,
    ) -> None:
        self.problems: list[IntegrityError] = []
        self._keep_going = keep_going
        self._on_warning, self._on_problem = on_warning, on_problem
        self._told: set[str] = set()

    def warn(self, message: str) -> None:
        """Something that does not make the answer wrong."""
        if message not in self._told:
            self._told.add(message)
            self._on_warning(message)

    def problem(self, error: IntegrityError) -> None:
        """A committed object does not hold what its manifest promises.

        Raises:
            IntegrityError: the one given, unless the read keeps going.
        """
        if not self._keep_going:
            raise error
        if str(error) not in self._told:
            self._told.add(str(error))
            self.problems.append(error)
            self._on_problem(str(error))
