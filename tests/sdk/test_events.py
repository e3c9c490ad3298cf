"""The vocabulary is stable, and the page about it is that of today."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import otel_audit
from otel_audit.convert.audit import is_safe_event_name
from otel_audit.events import VOCABULARY, Event
from otel_audit.sdk.events_page import events_page
from otel_audit.sdk.statement import ACTION

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_page_is_the_vocabulary_of_today() -> None:
    assert PAGE.read_text() == events_page(), "run `make docs`"


def test_each_event_may_be_recorded_and_says_what_it_is() -> None:
    for constant, event in VOCABULARY.items():
        assert is_safe_event_name(event.name), constant
        assert ACTION.fullmatch(event.action), constant
        assert event.target_type, constant
        assert event.meaning.endswith("."), constant
    assert max(Counter(event.name for event in VOCABULARY.values()).values()) == 1
    assert VOCABULARY["MODEL_UPDATE"] is otel_audit.events.MODEL_UPDATE


def test_what_platforms_publish_is_there() -> None:
    kinds = [
        "MODEL",
        "MODEL_VERSION",
        "WORKFLOW",
        "WORKFLOW_VERSION",
        "APPLICATION",
        "USER",
        "ORGANIZATION",
        "DEPLOYMENT",
    ]
    expected = {f"{kind}_{verb}" for kind in kinds for verb in ("CREATE", "UPDATE", "DELETE")}
    expected |= {"COLLABORATOR_ADD", "COLLABORATOR_UPDATE", "COLLABORATOR_REMOVE", "LOGIN", "LOGOUT"}
    assert expected <= VOCABULARY.keys()
    assert all(isinstance(event, Event) for event in VOCABULARY.values())
