"""The applications among the examples, under the servers that run such applications, with no code of ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from processes.running import BIN, environment, running, wait_for
from sdk.written import LIFE
from servers.ports import free_port

APPS = Path(__file__).parents[2] / "examples" / "apps"
BODIES = {"OTEL_AUDIT_CAPTURE_REQUEST_BODY": "true", "OTEL_AUDIT_CAPTURE_RESPONSE_BODY": "true"}
ORDER = {"items": [{"sku": "T-1"}], "card": "4111 1111 1111 1111"}


def _settings(folder: Path, **more: str) -> dict[str, str]:
    instrumented = ("celery", "django", "fastapi", "flask", "starlette")
    return {**environment(folder, *instrumented), "PYTHONPATH": str(APPS), **more}


def _records(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [BIN / "otel-audit", "query", "--destination", str(folder / "log"), "--format", "ndjson"],
        env=_settings(folder), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [record for record in found if record["eventName"] not in LIFE]


def _asked(
    folder: Path, command: list[str], port: int, env: Mapping[str, str], ask: Any
) -> list[dict[str, Any]]:
    log = folder / "server.log"
    with running(command, env, log) as server:
        wait_for(port, server, log)
        ask(f"http://localhost:{port}")
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(60) in (0, -signal.SIGTERM), log.read_text()
    return _records(folder)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["gunicorn", "--bind", "localhost:{port}", "flask_shop:app"], id="flask, gunicorn"),
        pytest.param(["uvicorn", "--port", "{port}", "fastapi_shop:app"], id="fastapi, uvicorn"),
        pytest.param(
            ["gunicorn", "--bind", "localhost:{port}", "--worker-class", "uvicorn_worker.UvicornWorker",
             "fastapi_shop:app"],
            id="fastapi, gunicorn with uvicorn workers",
        ),
    ],
)  # fmt: skip
def test_a_shop(tmp_path: Path, command: list[str]) -> None:
    port = free_port()

    def ask(at: str) -> None:
        assert requests.get(f"{at}/orders/7", timeout=30).status_code == 200
        assert requests.post(f"{at}/orders", json=ORDER, timeout=30).status_code == 201

    env = _settings(tmp_path, **BODIES)
    records = _asked(tmp_path, [part.format(port=port) for part in command], port, env, ask)
    read, placed = (next(one for one in records if one["method"] == method) for method in ("GET", "POST"))
    assert len(records) == 2
    assert read["response"] == {"order": 7, "notify": "[EMAIL]"}
    assert placed["request"]["items"] == [{"sku": "T-1"}]
    assert placed["request"]["card"] in ("[CREDIT_CARD]", "[WITHHELD]")
    assert placed["response"] == {"order": 1001, "items": 1}
    assert placed["capture"]["state"] == "complete"


def test_who_a_django_user_is(tmp_path: Path) -> None:
    port = free_port()
    env = _settings(tmp_path, DJANGO_SETTINGS_MODULE="django_shop.settings")

    def ask(at: str) -> None:
        with requests.Session() as session:
            assert session.post(f"{at}/orders/7/refund", timeout=30).status_code == 401
            given = {"name": "clerk", "password": "correct horse"}
            assert session.post(f"{at}/sign-in", json=given, timeout=30).json() == {"signed_in": True}
            answer = session.post(f"{at}/orders/7/refund", json={"user": "ceo"}, timeout=30)
            assert answer.json() == {"refunded": 7, "by": "clerk"}

    command = ["gunicorn", "--bind", f"localhost:{port}", "django_shop.wsgi:application"]
    refused, signed_in, refunded = sorted(
        _asked(tmp_path, command, port, env, ask), key=lambda record: record["timestamp"]
    )
    assert refused["user"]["type"] == "anonymous"
    assert (refused["outcome"], signed_in["outcome"], refunded["outcome"]) == (
        "failure",
        "success",
        "success",
    )
    assert refunded["user"] == {"id": "1", "type": "user", "origin": "django", "assurance": "verified"}
    assert "correct horse" not in json.dumps([refused, signed_in, refunded])


def test_a_model_whose_inputs_are_personal(tmp_path: Path) -> None:
    port = free_port()
    env = _settings(tmp_path, OTEL_AUDIT_CONFIG=str(APPS / "churn_model.toml"))

    def ask(at: str) -> None:
        given = {"instances": [{"calls": 0.5, "age": 61, "plan": 1}]}
        assert requests.post(f"{at}/v1/models/churn:predict", json=given, timeout=60).status_code == 200

    command = ["gunicorn", "--bind", f"localhost:{port}", "churn_model:app"]
    (record,) = _asked(tmp_path, command, port, env, ask)
    assert record["stream"] == "model-io"
    assert record["modelInfo"]["pii"] is True
    assert len(record["response"]["predictions"]) == 1
    assert "request" not in record
    assert {"path": "request", "reason": "model-pii-endpoint"} in record["masking"]["dropped"]


def test_celery_tasks(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "jobs").mkdir()
    env = _settings(tmp_path, BROKER_FOLDER=str(tmp_path / "jobs"), SHOP=f"http://localhost:{port}")
    shop = ["uvicorn", "--port", str(port), "fastapi_shop:app"]
    worker = ["celery", "--app", "celery_jobs", "worker", "--concurrency", "2", "--loglevel", "INFO"]
    with (
        running(
            shop, {**env, "OTEL_AUDIT_DESTINATION": str(tmp_path / "other")}, tmp_path / "shop.log"
        ) as server,
        running(worker, env, tmp_path / "worker.log") as jobs,
    ):
        wait_for(port, server, tmp_path / "shop.log")
        send = "import celery_jobs\nfor number in range(4): celery_jobs.remind.delay(number)"
        subprocess.run([sys.executable, "-c", send], env=env, check=True)
        _until(tmp_path / "worker.log", "succeeded", 4)
        os.kill(jobs.pid, signal.SIGTERM)
        jobs.wait(60)
    calls = [record for record in _records(tmp_path) if record["eventName"] == "http.client"]
    assert sorted(call["requestPath"] for call in calls) == [f"/orders/{number}" for number in range(4)]
    assert {call["requestQuery"] for call in calls} == {"notify=%5BEMAIL%5D"}


def _until(log: Path, word: str, times: int) -> None:
    """Until a program has said something so often."""
    import threading
    import time

    deadline, pause = time.monotonic() + 90, threading.Event()
    while log.read_text().count(word) < times:
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        pause.wait(0.05)
