"""Real servers under auto-instrumentation: streams reach the client at once, and every body reaches the log."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from processes.running import environment, recorded, running, wait_for
from sdk.written import rows
from servers.ports import free_port

HERE = Path(__file__).parent

COMMANDS = {
    "uvicorn": ["uvicorn", "--port", "{port}", "served_apps:asgi"],
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "--threads", "4", "served_apps:wsgi"],
    "gevent": [
        "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "--worker-class", "gevent", "served_apps:wsgi"
    ],
    "django wsgi": ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "django_site:wsgi"],
    "django asgi": ["uvicorn", "--port", "{port}", "django_site:asgi"],
}  # fmt: skip


@contextmanager
def _serving(tmp_path: Path, server: str, **more: str) -> Iterator[str]:
    """A running server; it is told to end when the test is done with it."""
    port, log = free_port(), tmp_path / "server.log"
    env = environment(
        tmp_path,
        *(["django"] if server.startswith("django") else ["fastapi", "flask", "starlette"]),
        OTEL_AUDIT_CAPTURE_REQUEST_BODY="true",
        OTEL_AUDIT_CAPTURE_RESPONSE_BODY="true",
        **more,
    )
    env["PYTHONPATH"] = os.pathsep.join([str(HERE), env["PYTHONPATH"]])
    if server.startswith("django"):
        env["DJANGO_SETTINGS_MODULE"] = "django_site"  # without it nothing of Django is instrumented
    with running([part.format(port=port) for part in COMMANDS[server]], env, log) as program:
        wait_for(port, program, log)
        yield f"http://127.0.0.1:{port}"
        os.kill(program.pid, signal.SIGTERM)
        program.wait(60)


def _records(tmp_path: Path) -> list[dict[str, Any]]:
    recorded(tmp_path)
    found = rows({"destination": str(tmp_path / "log")})
    for row in found:
        for name in ("request", "response"):
            row[name] = None if row[name] is None else json.loads(str(row[name]))
    return [row for row in found if row["eventName"] in {"http.server", "audit.content"}]


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "gevent"])
def test_each_part_of_a_stream_reaches_the_client_while_the_stream_is_open(tmp_path, server):
    with _serving(tmp_path, server, OTEL_AUDIT_CAPTURE_HOLD="100ms") as url:
        late = []
        with requests.get(f"{url}/events", stream=True, timeout=30) as answer:
            for line in answer.iter_lines():
                if line:
                    late.append(time.time() - float(line.split()[-1]))
        assert len(late) == 3
        assert max(late) < 0.3, "parts are 0.4 s apart"
        posted = requests.post(f"{url}/echo", json={"mail": "jane@example.com"}, timeout=30)
        assert posted.json() == {"got": {"mail": "jane@example.com"}}
    found = _records(tmp_path)
    (echo,) = [row for row in found if row["route"] == "/echo"]
    assert (echo["request"], echo["response"]) == ({"mail": "[EMAIL]"}, {"got": {"mail": "[EMAIL]"}})
    assert echo["capture"]["state"] == "complete"
    events = {row["eventName"]: row for row in found if row["route"] == "/events"}
    whole = events.get("audit.content", events["http.server"])
    assert whole["response"].count("data: ") == 3
    assert whole["capture"]["state"] == "complete"
    if server != "uvicorn":  # Flask's span ends before its response does
        assert events["http.server"]["capture"]["state"] == "open"
        assert whole["capture"]["continues"] == events["http.server"]["recordId"]


def test_files_forms_and_failures(tmp_path):
    with _serving(tmp_path, "gunicorn") as url:
        file = requests.get(f"{url}/file", timeout=30)
        assert file.text.startswith('"""Applications that know nothing of us')
        answer = requests.post(
            f"{url}/form",
            data={"note": "jane@example.com"},
            files={"scan": ("scan.png", b"\x89PNG\x00" * 10, "image/png")},
            timeout=30,
        )
        assert answer.text == "jane@example.com\n"
        assert requests.get(f"{url}/fails", timeout=30).status_code == 500
    found = {row["route"]: row for row in _records(tmp_path)}
    assert found["/form"]["request"] == {
        "note": ["[EMAIL]"],
        "scan": [{"fileName": "scan.png", "mediaType": "image/png", "size": 50}],
    }
    assert "body-sent-as-file" in str(found["/file"]["attributes"])
    assert found["/fails"]["outcome"] == "failure"


def test_a_body_without_end_and_a_client_that_leaves(tmp_path):
    with _serving(tmp_path, "uvicorn", OTEL_AUDIT_CAPTURE_MAX_BODY_BYTES="10000") as url:
        with requests.get(f"{url}/endless", stream=True, timeout=30) as answer:
            assert len(answer.raw.read(200_000)) == 200_000
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.sendall(head + b"5\r\nhello\r\n")
        assert requests.post(f"{url}/echo", json={}, timeout=30).ok
    found = _records(tmp_path)
    (endless,) = [row for row in found if row["route"] == "/endless"]
    assert endless["capture"]["responseTruncatedAt"] == 10_000
    cut = [row["capture"]["requestTruncatedAt"] for row in found if row["route"] == "/echo"]
    assert sorted(cut, key=str) == [5, None]


@pytest.mark.parametrize("server", ["django wsgi", "django asgi"])
def test_django_needs_nothing(tmp_path, server):
    with _serving(tmp_path, server) as url:
        posted = requests.post(
            f"{url}/echo", data="to jane@example.com", headers={"content-type": "text/plain"}, timeout=30
        )
        assert posted.json() == {"got": "to jane@example.com"}
        assert requests.get(f"{url}/events", timeout=30).text == "data: 1\n\ndata: 2\n\n"
    found = {row["route"]: row for row in _records(tmp_path)}
    assert found["echo"]["request"] == "to [EMAIL]"
    assert found["echo"]["response"] == {"got": "to [EMAIL]"}
    assert found["events"]["response"] == "data: 1\n\ndata: 2\n\n"
    assert all(row["capture"]["state"] == "complete" for row in found.values())
