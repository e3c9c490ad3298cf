"""Every ``otel-audit`` command of the README runs as it is written there."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "corpus"
COMMANDS = re.findall(r"^\$ (otel-audit .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log, and the files that the README's commands are given."""
    folder = tmp_path_factory.mktemp("readme")
    for name, source in (
        ("traces", "genai_openai_event_only.json"),
        ("logs", "genai_openai_event_only.logs.json"),
    ):
        (folder / f"{name}.json.gz").write_bytes(gzip.compress((CORPUS / source).read_bytes()))
    shutil.copy(ROOT / "examples" / "zero_code.py", folder / "app.py")
    run(folder, "otel-audit ingest traces.json.gz logs.json.gz")
    return folder


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    words[0] = str(Path(sys.executable).with_name(words[0]))
    environment = os.environ | {
        **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OTEL_AUDIT_DESTINATION": str(folder / "log"),
        "OTEL_AUDIT_SPOOL": str(folder / "spool"),
    }
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_readme_shows_commands():
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(log, command):
    # The bucket and the record of the README are examples; the log of this test has its own.
    command = re.sub(r"--destination \S+ ", "", command)
    shown = run(log, "otel-audit query --limit 1 --format ndjson").stdout
    command = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", re.search(r'"recordId":"([^"]+)"', shown)[1], command)
    done = run(log, command)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
