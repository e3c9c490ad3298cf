"""``docs/events.md``, made of the vocabulary: ``python -m otel_audit.sdk.events_page > docs/events.md``."""

from __future__ import annotations

from typing import Final

from otel_audit.events import VOCABULARY
from otel_audit.pipeline.life import CONFIG_EVENT, POLICY_EVENT, START_EVENT, STOP_EVENT

__all__ = ["events_page"]

_HEAD: Final = """\
# Events of a platform

<!-- Made of src/otel_audit/events.py by `make docs`; edit that. -->

What spans do not tell, an application says itself. These names are stable, and are there as constants:

```python
import otel_audit
from otel_audit import events

logger = otel_audit.get_audit_logger()
logger.emit(
    events.MODEL_UPDATE,
    actor_id="u8472",
    target_id="churn",
    outcome="success",
    changes={"before": {"threshold": 0.5}, "after": {"threshold": 0.7}},
    auth=otel_audit.Auth(method="oidc", mfa=True, decision="allow", policy="model-owners"),
)


@otel_audit.audited(event_name=events.DEPLOYMENT_CREATE, target="name")
def deploy(name: str, version: str) -> None: ...
```

The decorator records success, failure and duration, of functions, methods, coroutines and generators. Own names
stay allowed: two or more dotted words in lower case, not under `audit.`, and an upper-case verb. The fields are
those of [record.md](record.md); through OTLP they are the attributes in the last table, on a log record with the
event's name.

| constant | event name | action | target type | meaning |
|---|---|---|---|---|
"""

_TAIL: Final = f"""
## Of the log itself

Only the log itself says these; [guarantees.md](guarantees.md) tells when.

| event name | meaning |
|---|---|
| `{START_EVENT}` | A process began to write the log. |
| `{STOP_EVENT}` | It left the log in order. |
| `{CONFIG_EVENT}` | It writes under other settings than the one before it. |
| `{POLICY_EVENT}` | It masks by another policy than the one before it. |
| `audit.gap` | Records are missing: how many, why, from when to when, and where, if others have them. |
| `audit.conflict` | A copy of a writer goes on elsewhere, or records came under an id that another has. |
| `audit.sequence.break` | A record of the [audit signal](audit-signal.md) breaks the hash chain of its stream. |

## The same through OTLP

| argument of `emit()` | attribute | field |
|---|---|---|
| `actor_id`, `actor_type` | `audit.actor.id`, `.type` | `user.id`, `.type` |
| `actor_name`, `actor_email`, `actor_roles` | `audit.actor.name`, `.email`, `.roles` | `user.…`, if listed |
| `on_behalf_of`, `on_behalf_of_type` | `audit.on_behalf_of.id`, `.type` | `onBehalfOf` |
| `action`, `outcome`, `purpose` | `audit.action`, `audit.outcome`, `audit.purpose` | `action`, `outcome`, `purpose` |
| `target_id`, `target_type` | `audit.target.id`, `.type` | `target` |
| `source_id` | `audit.source.id` | `source` |
| `session` | `audit.session.id` | `session`, as a pseudonym |
| `subjects` | `audit.subject.ids` | `subjects`, as pseudonyms |
| `auth=Auth(…)` | `audit.auth.method`, `.session_id` … | `auth`, ids as pseudonyms |
| `changes` | `audit.changes` | `changes` |
| `oversight=Oversight(…)` | `audit.oversight.reviewer`, `.decision` … | `oversight` |
| `duration_ns` | `audit.duration_ns` | `durationNs` |
| `error_type`, `error_message` | `error.type`, `audit.error.message` | `errorCode`, `errorMessage` |
| `record_id`, `time_unix_nano` | `audit.record.id`, the log record's time | `recordId`, `timestamp` |

Members of `auth` and `oversight` have the attributes' last words as their names. `user.name`, `.email` and `.roles`
are written only if `identity.fields` lists them.
"""


def events_page() -> str:
    """The page."""
    rows = (
        f"| `{constant}` | `{event.name}` | `{event.action}` | `{event.target_type}` | {event.meaning} |\n"
        for constant, event in VOCABULARY.items()
    )
    return _HEAD + "".join(rows) + _TAIL


if __name__ == "__main__":
    print(events_page(), end="")
