"""The log's own life: who began to write it, under which settings, and who left it in order.

===============  ===========================================================================================
``audit.start``  with the first record that a process writes: host, versions, delivery, fingerprint of its
                 settings; the record's ``masking.policy`` says how it masks
``audit.config`` beside it, where the writer before it in the same slot of the spool had other settings: which
``audit.policy`` likewise, where that one masked by another policy
``audit.stop``   with the last one, when the log is left in order: how many records were written. A process
                 that was killed leaves none; an ``audit.gap`` of cause ``unclean-end`` stands for it
===============  ===========================================================================================

A process that records nothing says nothing, and what is said here makes nobody else say more. The names of
changed settings are told, never their values: those that are secret have none here, the others a digest.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from opentelemetry.semconv._incubating.attributes.process_attributes import PROCESS_PID

from otel_audit.convert.audit import DURATION
from otel_audit.convert.own_events import own_word
from otel_audit.convert.spans import Attributes, LogData, Value
from otel_audit.errors import SpoolError
from otel_audit.pipeline.losses import Event
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.shapes import ready_to_read
from otel_audit.spool import Slot

__all__ = ["CONFIG_EVENT", "POLICY_EVENT", "START_EVENT", "STOP_EVENT", "Life"]

_log = logging.getLogger(__name__)

START_EVENT: Final = "audit.start"
STOP_EVENT: Final = "audit.stop"
CONFIG_EVENT: Final = "audit.config"
POLICY_EVENT: Final = "audit.policy"

_TOLD_AT_START: Final = {"host": "host", "delivery": "delivery", "config_fingerprint": "config"}
"""What the first manifest of a writer says of the process, and the last word of the attribute that says it here."""


@ready_to_read
class Remembered(msgspec.Struct, frozen=True):
    """What the next writer of a slot compares itself with.

    Attributes:
        policy: fingerprint of the masking policy.
        config: fingerprint of the settings.
        settings: name of each setting → a digest of its value.
    """

    policy: str
    config: str
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One of the above.

    Attributes:
        name: of the event.
        action: upper-case verb.
        at_unix_nano: when, nanoseconds since the epoch.
        said: attributes.
    """

    name: str
    action: str
    at_unix_nano: int
    said: Attributes

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        return own_word(
            self.name,
            self.action,
            {PROCESS_PID: os.getpid(), **self.said},
            service=service,
            at_unix_nano=self.at_unix_nano,
            outcome="success",
        )


class Life:
    """The part of one process in one log, from its first record to its orderly end. Thread-safe.

    Args:
        options: of the write path.
    """

    def __init__(self, options: PipelineOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._started_unix_nano = 0
        self._written: dict[str, int] = {}
        self._stopped_at = 0
        self._news: Remembered | None = None

    def wrote(self, records: Mapping[str, int], slot: Slot) -> Sequence[Event]:
        """Count records of the application that are durable now.

        Args:
            records: how many, by stream.
            slot: where they are.

        Returns:
            What the log is to be told: something with the first of them, else nothing.
        """
        with self._lock:
            for stream, number in records.items():
                self._written[stream] = self._written.get(stream, 0) + number
            if self._started_unix_nano:
                return ()
            self._started_unix_nano = time.time_ns()
            return self._start(slot)

    def stop(self, lost: int) -> Sequence[Event]:
        """What the log is to be told when it is left: nothing, if nothing was written since this was asked.

        Args:
            lost: records that this process gave up.
        """
        with self._lock:
            written = sum(self._written.values())
            if written == self._stopped_at:
                return ()
            self._stopped_at = written
            now = time.time_ns()
            said: Attributes = {
                f"audit.stop.records.{stream}": number for stream, number in sorted(self._written.items())
            }
            said["audit.stop.lost"] = lost
            said[DURATION] = max(0, now - self._started_unix_nano)
            return (LifeEvent(STOP_EVENT, "STOP", now, said),)

    def told(self, slot: Slot) -> None:
        """What :meth:`wrote` gave is durable: the next writer of the slot compares itself with this one."""
        with self._lock:
            news, self._news = self._news, None
        if news is None:
            return
        try:
            slot.bequest.remember(msgspec.json.encode(news))
        except SpoolError as error:
            # The next one compares itself with an older one: it tells of a change again, and hides none.
            _log.warning("the settings in force could not be noted in the spool: %s", error)

    def _start(self, slot: Slot) -> Sequence[Event]:
        options, now = self._options, self._started_unix_nano
        said: Attributes = {
            f"audit.start.{word}": options.opens[key]
            for key, word in _TOLD_AT_START.items()
            if key in options.opens
        }
        versions: Mapping[str, Value] = options.opens.get("versions", {})
        said |= {f"audit.start.version.{name}": version for name, version in versions.items()}
        events = [LifeEvent(START_EVENT, "START", now, said)]
        ours = Remembered(
            options.mask.fingerprint, options.opens.get("config_fingerprint", ""), dict(options.settings)
        )
        before = _before(slot)
        if before != ours:
            self._news = ours
        if before is not None and before.config != ours.config:
            changed = sorted(
                name
                for name in before.settings.keys() | ours.settings.keys()
                if before.settings.get(name) != ours.settings.get(name)
            )
            told: Attributes = {
                "audit.config.before": before.config,
                "audit.config.after": ours.config,
                "audit.config.changed": [*changed],
            }
            events.append(LifeEvent(CONFIG_EVENT, "CONFIGURE", now, told))
        if before is not None and before.policy != ours.policy:
            policies: Attributes = {"audit.policy.before": before.policy, "audit.policy.after": ours.policy}
            events.append(LifeEvent(POLICY_EVENT, "CONFIGURE", now, policies))
        return events


def _before(slot: Slot) -> Remembered | None:
    """What the writer before this one left in the slot; None if there was none, or nothing can be read of it."""
    try:
        content = slot.bequest.remembered()
        return None if content is None else msgspec.json.decode(content, type=Remembered)
    except (SpoolError, msgspec.DecodeError) as error:
        _log.warning("what settings the log had before cannot be read: %s", type(error).__name__)
        return None
