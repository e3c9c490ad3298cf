"""What a running process knows of the registries of models.

It reads them once, when it records for the first time, and goes by that: a tag that is changed meanwhile holds from
the next start, or once it is told to read again. A change that the process itself makes holds at once.

Nothing is read in the application's thread, and nothing at import. A registry in a folder is read where the first
batch is prepared; any other in a thread of ours, for which the first records wait a moment, unless this machine
remembers an earlier state. As long as nothing is known, any model may have the tag, so what carries input is
withheld; whoever reads tries again until it goes through. Where reading is forbidden, the operator has decided that
this process writes only: then the configured tags hold, and a line says so.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from otel_audit.errors import AuditError, Blocked, StoreError, describe_defect
from otel_audit.mask.tags import RegisteredTags
from otel_audit.registry.mlflow import read_mlflow
from otel_audit.registry.options import RegistryOptions
from otel_audit.registry.registry import FORBIDDEN, Registry
from otel_audit.registry.remembered import Reading, Remembered
from otel_audit.registry.state import EMPTY, RegistryState
from otel_audit.registry.versions import RegisteredModel
from otel_audit.store.base import StoreOptions
from otel_audit.store.open import open_store
from otel_audit.store.own_traffic import own_traffic
from otel_audit.store.url import Scheme, parse_url

__all__ = ["KnownModels", "in_use"]

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_SAID_EVERY_S: Final = 60.0

_AT_HAND: Final = (Scheme.FILE, Scheme.MEMORY)

_STORE_OPTIONS: Final = StoreOptions(
    connect_timeout_s=5.0, request_timeout_s=20.0, call_timeout_s=30.0, attempts=2
)

_in_use: Final[weakref.WeakSet[KnownModels]] = weakref.WeakSet()


def in_use(url: str) -> Iterator[KnownModels]:
    """What the write paths of this process know of the registry at a destination."""
    return (known for known in tuple(_in_use) if known.options.url == url)


class KnownModels:
    """The registries as one write path knows them. Thread-safe; does nothing before :meth:`begin`.

    Args:
        options: which registries.

    Attributes:
        revision: another number whenever something else is known.
    """

    def __init__(self, options: RegistryOptions) -> None:
        self.options = options
        self.revision = 0
        self._remembered = Remembered(options)
        self._reading = Reading()
        self._is_forbidden = False
        self.start_over()
        _in_use.add(self)

    def start_over(self) -> None:
        """As in a forked child: its parent's thread is not there, and may have held the lock."""
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._has_begun = False
        self._said_s = float("-inf")
        self._failures = 0

    @property
    def tags(self) -> RegisteredTags:
        """What holds beside the configured tags."""
        reading, options = self._reading, self.options
        mlflow = reading.mlflow or ()
        is_read = (options.url is None or reading.state is not None or self._is_forbidden) and (
            options.mlflow_tracking_uri is None or reading.mlflow is not None
        )
        return RegisteredTags((*(reading.state or EMPTY).tags(), *mlflow), options.is_trusted, is_read)

    @property
    def state(self) -> RegistryState:
        """The registry as it is known; empty where it is not."""
        return self._reading.state or EMPTY

    @property
    def endpoints(self) -> tuple[RegisteredModel, ...]:
        """Models in force that are HTTP routes."""
        return self.state.endpoints()

    def begin(self) -> None:
        """Know what can be known now. Waits ``first_wait_s`` at most for what is far away and of which nothing is
        remembered; returns at once when it was called before.
        """
        with self._lock:
            if self._has_begun:
                return
            self._has_begun = True
        if self._is_known():
            return
        self._take(self._remembered.read())
        is_at_hand = self._is_at_hand()
        if is_at_hand and self._try():
            return
        with suppress(RuntimeError):
            # None can be started once the interpreter ends: then what is not known stays withheld.
            self._thread = threading.Thread(target=self._run, name="otel-audit-models", daemon=True)
            self._thread.start()
        if not (is_at_hand or self._is_known()):
            self._first.wait(self.options.first_wait_s)

    def refresh(self) -> None:
        """Read again, in the calling thread.

        Raises:
            StoreError: a registry cannot be read; what was known still holds.
            IntegrityError: versions do not follow each other, likewise.
        """
        with self._lock:
            self._has_begun = True
        self._read()

    def learn(self, state: RegistryState) -> None:
        """Go by a state that this process has brought about."""
        with self._lock:
            known = self._reading.state
            if known is None or state.number > known.number:
                self._set(Reading(state, self._reading.mlflow))

    def close(self) -> None:
        """Read no more."""
        self._closing.set()

    def _is_known(self) -> bool:
        return self.tags.is_read

    def _is_at_hand(self) -> bool:
        url = self.options.url
        return (
            url is not None and parse_url(url).scheme in _AT_HAND and self.options.mlflow_tracking_uri is None
        )

    def _run(self) -> None:
        while not self._try():
            pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self._failures, 10))
            self._failures += 1
            if self._closing.wait(random.uniform(pause / 2, pause)):  # noqa: S311  (jitter, not a secret)
                return

    def _try(self) -> bool:
        """Read once. Returns whether there is nothing left to try."""
        try:
            self._read()
        except Blocked as error:
            self._say(error.cause)
            if error.cause == FORBIDDEN:
                self._is_forbidden = True
                self.revision += 1
                self._first.set()
                return True
        except AuditError as error:
            self._say(error.cause if isinstance(error, StoreError) else str(error))
        except Exception as error:  # noqa: BLE001  (a defect must not end the thread that everything waits for)
            self._say(f"a defect ({describe_defect(error)})")
        else:
            self._first.set()
            return True
        return False

    def _read(self) -> None:
        options = self.options
        with own_traffic():
            if options.url is not None:
                store = open_store(options.url, _STORE_OPTIONS)
                try:
                    state = Registry(store, self._reading.state or EMPTY).read()
                finally:
                    store.close()
                self._take(Reading(state, self._reading.mlflow))
            if options.mlflow_tracking_uri is not None:
                self._take(Reading(self._reading.state, read_mlflow(options.mlflow_tracking_uri)))
        if not self._is_at_hand() or self._reading.state != EMPTY:
            self._remembered.keep(self._reading)

    def _take(self, reading: Reading) -> None:
        with self._lock:
            known, new = self._reading.state, reading.state
            if known is not None and (new is None or new.number < known.number):
                reading = Reading(known, reading.mlflow)
            self._set(reading)

    def _set(self, reading: Reading) -> None:
        if reading != self._reading:
            self._reading = reading
            self.revision += 1

    def _say(self, cause: str) -> None:
        now = time.monotonic()
        if now - self._said_s < _SAID_EVERY_S:
            return
        self._said_s = now
        if self._is_known():
            what = "tags hold as they were read last"
        elif cause == FORBIDDEN:
            what = "tags set there do not hold here; allow reading _audit/models/, or set models.registry = false"
        else:
            what = "inputs are withheld until it is"
        _log.error("the registry of models cannot be read (%s): %s", cause, what)
