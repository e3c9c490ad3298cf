"""Real clients of language models under auto-instrumentation, each dialect of instrumentation as it is.

The examples are the programs, the endpoint is a fake one that speaks the protocol. ``tests/dialects`` lists what is
installed below ``.venv/dialects``, where only a process that names the folder finds it; OpenTelemetry's own
instrumentation of ``openai`` is in every process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdk.written import rows
from servers.fake_llm import serving

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DIALECTS = ROOT / ".venv" / "dialects"

OFFICIAL = "opentelemetry.instrumentation.genai.openai"
QUESTION = "I am [EMAIL], card [CREDIT_CARD]. Where is order 1001?"
PLANTED = ("jane.doe", "4111 1111", "415 555")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as url:
        yield f"{url}/v1"


@pytest.fixture
def audit(tmp_path, endpoint):
    """Runs an example; gives what it printed and its records."""

    def run(example: str, dialect: str = "", **variables: str) -> tuple[str, list[dict[str, Any]]]:
        places = {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}
        done = subprocess.run(
            [BIN / "opentelemetry-instrument", sys.executable, ROOT / "examples" / f"{example}.py"],
            env=os.environ
            | {
                "PYTHONPATH": str(DIALECTS / dialect) if dialect else "",
                "OTEL_TRACES_EXPORTER": "none",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
                "OTEL_SERVICE_NAME": example,
                "OTEL_AUDIT_DESTINATION": places["destination"],
                "OTEL_AUDIT_SPOOL": places["spool"],
                "OPENAI_BASE_URL": endpoint,
                "OPENAI_API_KEY": "sk-proj-FAKESECRETKEYqWx7zvLpd",
                "TRACELOOP_TELEMETRY": "false",
            }
            | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        found = [row for row in rows(places) if row["stream"] == "model-io"]
        assert found, done.stderr
        for planted in PLANTED:
            assert planted not in json.dumps(found, default=str)
        return done.stdout, sorted(found, key=lambda row: row["timeUnixNano"])

    return run


def of_scope(found: list[dict[str, Any]], scope: str) -> list[dict[str, Any]]:
    return [row for row in found if row["scope"]["name"] == scope]


def said(text: str) -> list[str]:
    """What a request or a response says in words."""
    tree = json.loads(text)
    messages = tree["messages"] if isinstance(tree, dict) else tree
    return [part["content"] for one in messages for part in one["parts"] if part["type"] == "text"]


def check_chats(chats: list[dict[str, Any]]) -> None:
    """The four calls of ``openai_chat.py``."""
    assert [row["modelInfo"]["finishReasons"] for row in chats] == [
        ["stop"], ["tool_call"], ["stop"], ["stop"]
    ]  # fmt: skip
    assert all(said(row["request"])[0] == QUESTION for row in chats)
    assert [said(row["response"])[0][:26] for row in chats if said(row["response"])] == [
        "Order 1001 went to [EMAIL]"
    ] * 3
    call = json.loads(chats[1]["response"])[0]["parts"][0]
    assert (call["name"], call["arguments"]["email"]) == ("find_order", "[EMAIL]")
    assert [row["modelInfo"]["tools"] for row in chats] == [None, ["find_order"], ["find_order"], None]


def test_all_content_of_a_chat_is_audited_and_reaches_no_other_exporter(audit) -> None:
    printed, found = audit(
        "openai_chat",
        OTEL_AUDIT_STREAMS_MODEL_IO_CONTENT="full",
        OTEL_TRACES_EXPORTER="console",
        OTEL_LOGS_EXPORTER="console",
    )
    check_chats(found)
    assert '"name": "chat gpt-4o-mini"' in printed, "its own exporter sees the spans"
    for content in ("Where is order 1001", "assistant of a small shop", "find_order"):
        assert content not in printed


def test_messages_that_are_emitted_as_events_are_in_the_record_of_their_call(audit) -> None:
    _, found = audit("openai_chat", OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="EVENT_ONLY")
    check_chats(found)
    assert [len(row["joined"]) for row in found] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("dialect", "scope"),
    [
        ("openinference", "openinference.instrumentation.openai"),
        ("openllmetry", "opentelemetry.instrumentation.openai.v1"),
    ],
)
def test_other_instrumentations_work_as_they_are_and_say_the_same(audit, dialect, scope) -> None:
    _, found = audit("openai_chat", dialect, OTEL_AUDIT_STREAMS_MODEL_IO_CONTENT="full")
    ours, theirs = of_scope(found, OFFICIAL), of_scope(found, scope)
    check_chats(ours)
    check_chats(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert json.loads(one["request"])["messages"] == json.loads(other["request"])["messages"]
        assert one["response"] == other["response"]


@pytest.mark.parametrize("dialect", ["genai", "openinference", "openllmetry"])
def test_chains_and_agents_of_langchain(audit, dialect) -> None:
    printed, found = audit("langchain_chat", dialect, OTEL_AUDIT_STREAMS_MODEL_IO_CONTENT="full")
    assert printed.count("Order 1001 went to jane.doe@example.com") == 2, "the program is not touched"
    names = [row["eventName"] for row in found]
    (tool,) = [row for row in found if row["eventName"] == "gen_ai.execute_tool"]
    assert tool["target"] == {"type": "tool", "id": "find_order"}
    assert any(row["target"] == {"type": "agent", "id": "order_agent"} for row in found)
    chats = [
        row for row in found if row["eventName"] == "gen_ai.chat" and "langchain" in row["scope"]["name"]
    ]
    assert len(chats) == 3, names
    assert {row["modelInfo"]["provider"] for row in chats} == {"openai"}
    assert all(QUESTION in said(row["request"]) for row in chats)
    assert all(row["parentSpanId"] for row in chats)
    if dialect != "genai":  # whose completion hook is not told of tools
        assert "[EMAIL]" in tool["response"]
