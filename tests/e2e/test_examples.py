"""The demonstration and the examples, run as the README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from processes.running import all_but
from sdk.written import LIFE

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
    environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = all_but("flask", "openai", "requests")
    environment |= {name: str(value) for name, value in variables.items()}
    done = subprocess.run(
        [str(argument) for argument in arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done


def query(destination: Path) -> list[dict[str, object]]:
    """What was recorded, without the log's own life."""
    done = run(BIN / "otel-audit", "query", "--destination", destination, "--format", "ndjson")
    return [
        record for line in done.stdout.splitlines() if (record := json.loads(line))["eventName"] not in LIFE
    ]


@pytest.fixture
def places(tmp_path):
    return {"OTEL_AUDIT_DESTINATION": tmp_path / "log", "OTEL_AUDIT_SPOOL": tmp_path / "spool"}


def test_the_demonstration(places):
    done = run(BIN / "otel-audit", "demo", **places)
    records = query(places["OTEL_AUDIT_DESTINATION"])
    names = [record["eventName"] for record in records]
    assert names.count("http.server") == 12, "one for each call of the traffic"
    calls = [r for r in records if r["eventName"] == "http.client" and r["method"] == "GET"]
    assert len(calls) == 2, (
        "of the shop; where httpx is instrumented, those of the openai client are there, too"
    )
    assert names.count("gen_ai.chat") == 3
    predictions = [r for r in records if r.get("modelInfo", {}).get("modelName") == "churn"]
    assert [r["outcome"] for r in predictions] == ["success", "failure"]
    assert {r["user"].get("id") for r in records if r["eventName"] == "http.server"} == {
        "u8472",
        "u1138",
        "support-7",
        "analyst-2",
    }
    chats = [r for r in records if r["eventName"] == "gen_ai.chat"]
    assert "[CREDIT_CARD]" in json.dumps(chats[1]["request"])
    assert "[EMAIL]" in done.stdout
    for planted in ("jane.doe", "4111 1111", "415 555", "s3cr3t", "demo-token"):
        shown = done.stdout.split("Where it is")[1]
        assert planted not in shown
        assert planted not in json.dumps(records)


@pytest.mark.parametrize("exporter", ["none", "otel_audit"])
def test_no_code(places, exporter):
    run(
        BIN / "opentelemetry-instrument",
        sys.executable,
        ROOT / "examples" / "zero_code.py",
        OTEL_TRACES_EXPORTER=exporter,
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_SERVICE_NAME="hello",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST="x-user",
        **places,
    )
    server, client = sorted(
        query(places["OTEL_AUDIT_DESTINATION"]), key=lambda r: r["eventName"], reverse=True
    )
    assert (server["eventName"], client["eventName"]) == ("http.server", "http.client")
    assert server["user"] == {
        "id": "u8472",
        "type": "user",
        "origin": "header:x-user",
        "assurance": "claimed",
    }
    assert server["requestPath"] == "/hello/%5BEMAIL%5D", "a masked URL is still a URL"


def test_an_existing_application_keeps_its_own_exporter(places):
    done = run(
        sys.executable, ROOT / "examples" / "existing_app.py", places["OTEL_AUDIT_DESTINATION"], **places
    )
    assert "GET /invoices/{id}" in done.stderr, "its own exporter still sees the span"
    (record,) = query(places["OTEL_AUDIT_DESTINATION"])
    assert record["requestQuery"] == "notify=%5BEMAIL%5D"


def test_what_the_application_itself_has_to_say(places):
    done = run(sys.executable, ROOT / "examples" / "emit.py", places["OTEL_AUDIT_DESTINATION"], **places)
    (record,) = query(places["OTEL_AUDIT_DESTINATION"])
    assert record["recordId"] in done.stdout
    assert record["user"]["assurance"] == "verified"
    assert record["target"] == {"type": "model", "id": "churn"}


def test_the_audit_signal(places):
    sink = subprocess.Popen(
        [BIN / "otel-audit", "serve", "--grpc", "localhost:0", "--http", "localhost:0"],
        env={"PATH": os.environ["PATH"], **places},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = sink.stderr.readline()
        endpoint = f"http://{line.partition('OTLP/HTTP on ')[2].partition(';')[0]}/v1/audit"
        done = run(sys.executable, ROOT / "examples" / "audit_signal.py", endpoint)
    finally:
        sink.terminate()
        sink.communicate(timeout=60)
    (record,) = [
        one for one in query(places["OTEL_AUDIT_DESTINATION"]) if one["eventName"] == "invoice.approve"
    ]
    shown = run(
        BIN / "otel-audit", "show", "-d", places["OTEL_AUDIT_DESTINATION"], record["recordId"]
    ).stdout.split()
    assert record["recordId"] in done.stdout
    assert f"integrity_hash='{shown[-1]}'" in done.stdout


def test_files_of_a_collector(places):
    done = run(
        ROOT / "examples" / "collector_files.sh",
        places["OTEL_AUDIT_DESTINATION"],
        ROOT / "tests" / "corpus" / "genai_openai_event_only.json",
        ROOT / "tests" / "corpus" / "genai_openai_event_only.logs.json",
        OTEL_AUDIT_SPOOL=places["OTEL_AUDIT_SPOOL"],
    )
    assert "gen_ai.chat" in done.stdout
    records = query(places["OTEL_AUDIT_DESTINATION"])
    assert len(records) == 16
    assert sum("joined" in record for record in records) == 15


def test_declarative_configuration(places):
    run(
        BIN / "opentelemetry-instrument",
        sys.executable,
        ROOT / "examples" / "zero_code.py",
        OTEL_CONFIG_FILE=ROOT / "examples" / "declarative.yaml",
        **places,
    )
    records = query(places["OTEL_AUDIT_DESTINATION"])
    assert sorted(record["eventName"] for record in records) == ["http.client", "http.server"]
    assert {record["service"]["name"] for record in records} == {"hello"}
