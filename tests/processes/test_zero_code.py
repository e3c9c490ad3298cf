"""Enabling without code, and every way in which it can fail, with the real auto-instrumentation.

Each program is started as ``opentelemetry-instrument`` starts it, and by ``otel-audit run``. What a hook of ours sees
is refused by both, as ``OTEL_AUDIT_ON_ERROR`` says; what no hook sees is refused by ``run`` alone.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from processes.running import environment
from sdk.written import rows

VENDOR = Path(__file__).parents[1] / "fixtures" / "distributions"

INSTRUMENT = ("opentelemetry-instrument",)
RUN = ("otel-audit", "run", "--")

APPLICATION = """
import os, sys
from opentelemetry import trace
print("the application runs as", os.getpid(), flush=True)
attributes = {"http.request.method": "GET", "url.path": "/work/1"}
trace.get_tracer("app").start_span("GET", kind=trace.SpanKind.SERVER, attributes=attributes).end()
"""


@dataclass
class Done:
    """A program that ended."""

    status: int
    pid: int
    out: str
    err: str
    paths: list[object]

    @property
    def ran(self) -> bool:
        return "the application runs" in self.out

    @property
    def ours(self) -> list[str]:
        """Lines that we said."""
        return [line for line in self.err.splitlines() if line.startswith("otel-audit: ")]


def start(
    tmp_path: Path,
    command: Sequence[str],
    *,
    then: str = "sys.exit(7)",
    plugins: Mapping[str, str] = {},
    **settings: str,
) -> Done:
    """Run the application.

    Args:
        tmp_path: for it, its log and its spool.
        command: what starts it.
        then: its last line.
        plugins: entry points of a distribution that is installed besides: group → class of the vendor's module.
        settings: further environment.
    """
    program = tmp_path / "application.py"
    program.write_text(f"{APPLICATION}\n{then}\n")
    env = environment(tmp_path)
    if plugins:
        env["PYTHONPATH"] = f"{installed(tmp_path / 'site', plugins)}:{VENDOR}:{env['PYTHONPATH']}"
    env |= settings
    process = subprocess.Popen(
        [*command, "python", str(program)],
        env={name: value for name, value in env.items() if value},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=90)
    found = rows({"destination": str(tmp_path / "log")}, "requestPath")
    paths = [row["requestPath"] for row in found if row["requestPath"]]
    return Done(process.returncode, process.pid, out, err, paths)


def installed(folder: Path, plugins: Mapping[str, str]) -> Path:
    """A folder for ``PYTHONPATH`` in which a distribution of the vendor is installed."""
    info = folder / "vendor_distro-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-distro\nVersion: 1.0\n")
    points = "".join(f"[{group}]\nvendor = vendor_distro:{name}\n" for group, name in plugins.items())
    (info / "entry_points.txt").write_text(points)
    return folder


DISTRO = {"opentelemetry_distro": "Distro", "opentelemetry_configurator": "Configurator"}
CHOSEN = {"OTEL_PYTHON_DISTRO": "vendor", "OTEL_PYTHON_CONFIGURATOR": "vendor"}


@pytest.mark.parametrize("command", [INSTRUMENT, RUN], ids=["instrument", "run"])
def test_under_the_default_distro(tmp_path: Path, command: Sequence[str]) -> None:
    """With every instrumentation that is installed; elsewhere it is that of ``requests`` alone."""
    done = start(tmp_path, command, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="")
    assert (done.status, done.ran, done.paths) == (7, True, ["/work/1"]), done.err
    assert f"runs as {done.pid}\n" in done.out, "no process stands between"
    assert done.err == ""


@pytest.mark.parametrize("command", [INSTRUMENT, RUN], ids=["instrument", "run"])
def test_under_the_distro_of_another_vendor_who_sees_what_it_samples_out(
    tmp_path: Path, command: Sequence[str]
) -> None:
    done = start(tmp_path, command, plugins=DISTRO, **CHOSEN)
    assert (done.status, done.paths) == (7, ["/work/1"]), done.err
    assert "beside us on the tracer provider: Counter, BatchSpanProcessor(ConsoleSpanExporter)" in done.err
    assert "not sampled, too: Counter\n" in done.err
    assert "counted GET" in done.out
    assert '"name": "GET"' not in done.out, "its exporter exports what it did before"


DECLARATIVE = """
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          otel_audit:
            {options}
  sampler:
    {sampler}:
"""


@pytest.mark.parametrize("command", [INSTRUMENT, RUN], ids=["instrument", "run"])
@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
def test_a_declarative_file_with_the_hook(tmp_path: Path, command: Sequence[str], sampler: str) -> None:
    """Exporter and hook at once make one record, and a sampler of the file is seen through."""
    file = tmp_path / "otel.yaml"
    file.write_text(DECLARATIVE.format(options="", sampler=sampler))
    done = start(tmp_path, command, OTEL_CONFIG_FILE=str(file))
    assert (done.status, done.paths) == (7, ["/work/1"]), done.err


def test_a_declarative_file_that_says_it_all(tmp_path: Path) -> None:
    """The exporter's options name the destination; no variable of ours is set, so no hook is needed."""
    file = tmp_path / "otel.yaml"
    options = f"destination: {tmp_path / 'log'}"
    file.write_text(DECLARATIVE.format(options=options, sampler="always_on"))
    done = start(tmp_path, INSTRUMENT, OTEL_CONFIG_FILE=str(file), OTEL_AUDIT_DESTINATION="")
    assert (done.status, done.paths) == (7, ["/work/1"]), done.err
    assert "best-effort" in done.err


SEEN_BY_A_HOOK: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "no configurator": ({}, {"OTEL_PYTHON_CONFIGURATOR": "none"}, "there is no tracer provider of the"),
    "no SDK provider": (
        {"opentelemetry_configurator": "ForeignConfigurator"},
        {"OTEL_PYTHON_CONFIGURATOR": "vendor"},
        "there is no tracer provider of the OpenTelemetry SDK",
    ),
    "SDK disabled": ({}, {"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED=true leaves nothing to audit"),
    "unknown setting": (
        {},
        {"OTEL_AUDIT_DELIVERY": "maybe"},
        "OTEL_AUDIT_DELIVERY = 'maybe' is not accepted",
    ),
    "provider replaced": (
        {"opentelemetry_instrumentor": "ReplacingInstrumentor"},
        {},
        "was replaced by another (TracerProvider)",
    ),
    "processor taken off": ({"opentelemetry_instrumentor": "ClearingInstrumentor"}, {}, "was taken off"),
    "sampler replaced": (
        {"opentelemetry_instrumentor": "ResamplingInstrumentor"},
        {},
        "sampler of the global",
    ),
}
"""What is installed and set → what is said of it."""

SEEN_BY_NOBODY: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "failing configurator": (
        {"opentelemetry_configurator": "FailingConfigurator"},
        {"OTEL_PYTHON_CONFIGURATOR": "vendor"},
        "auto-instrumentation failed (RuntimeError; its log says more)",
    ),
    "exporter missing": (
        {},
        {"OTEL_METRICS_EXPORTER": "elsewhere", "OTEL_TRACES_EXPORTER": "none,console"},
        "the exporter of OTEL_METRICS_EXPORTER=elsewhere is not installed",
    ),
    "failing instrumentor": (
        {"opentelemetry_instrumentor": "FailingInstrumentor"},
        {},
        "auto-instrumentation failed (RuntimeError; its log says more)",
    ),
    "declarative file missing": (
        {},
        {"OTEL_CONFIG_FILE": "/nonexistent.yaml"},
        "auto-instrumentation failed (ConfigurationError",
    ),
    "instrumentation disabled": (
        {},
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flask, *"},
        "leaves nothing that makes spans",
    ),
}


def cases(table: Mapping[str, tuple[dict[str, str], dict[str, str], str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("plugins", "settings", "said"), table.values(), ids=table)


@cases({**SEEN_BY_A_HOOK, **SEEN_BY_NOBODY})
def test_run_starts_nothing_that_is_not_audited(
    tmp_path: Path, plugins: dict[str, str], settings: dict[str, str], said: str
) -> None:
    # It does not matter that the settings would go on.
    done = start(tmp_path, RUN, plugins=plugins, **settings, OTEL_AUDIT_ON_ERROR="warn")
    assert (done.status, done.ran) == (78, False), done.err
    (line,) = done.ours
    assert line.startswith("otel-audit: nothing is started: ")
    assert said in line
    assert "jane@example.com" not in line


@cases(SEEN_BY_A_HOOK)
def test_what_a_hook_sees_ends_the_process_with_one_line(
    tmp_path: Path, plugins: dict[str, str], settings: dict[str, str], said: str
) -> None:
    done = start(tmp_path, INSTRUMENT, plugins=plugins, **settings)
    assert (done.status, done.ran) == (78, False), done.err
    (line,) = done.ours
    assert said in line
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", ["no configurator", "provider replaced"], ids=["before", "after"])
def test_where_a_warning_is_asked_for_the_program_goes_on(tmp_path: Path, name: str) -> None:
    plugins, settings, said = SEEN_BY_A_HOOK[name]
    done = start(tmp_path, INSTRUMENT, plugins=plugins, **settings, OTEL_AUDIT_ON_ERROR="warn")
    assert (done.status, done.ran) == (7, True), done.err
    (line,) = [line for line in done.err.splitlines() if "nothing is audited: " in line]
    assert said in line


@pytest.mark.parametrize(
    ("name", "is_audited"),
    [
        ("failing configurator", False),
        ("exporter missing", False),
        # The hook before it has run.
        ("failing instrumentor", True),
        ("instrumentation disabled", True),
    ],
)
def test_what_no_hook_sees_is_what_run_is_for(tmp_path: Path, name: str, is_audited: bool) -> None:
    plugins, settings, _ = SEEN_BY_NOBODY[name]
    done = start(tmp_path, INSTRUMENT, plugins=plugins, **settings)
    assert (done.status, done.ran) == (7, True)
    assert done.paths == (["/work/1"] if is_audited else [])


KUBERNETES = {
    "OTEL_AUDIT_SERVICE_HOST": "10.0.0.7",
    "OTEL_AUDIT_SERVICE_PORT": "4318",
    "OTEL_AUDIT_SERVICE_PORT_OTLP_HTTP": "4318",
    "OTEL_AUDIT_PORT": "tcp://10.0.0.7:4318",
    "OTEL_AUDIT_PORT_4318_TCP": "tcp://10.0.0.7:4318",
    "OTEL_AUDIT_PORT_4318_TCP_PROTO": "tcp",
    "OTEL_AUDIT_PORT_4318_TCP_PORT": "4318",
    "OTEL_AUDIT_PORT_4318_TCP_ADDR": "10.0.0.7",
}
"""Injected into every pod beside a service of the name ``otel-audit``."""


@pytest.mark.parametrize("destination", ["set", ""], ids=["configured", "not configured"])
def test_variables_that_kubernetes_injects_are_nobodys_settings(tmp_path: Path, destination: str) -> None:
    settings = (
        KUBERNETES if destination else KUBERNETES | {"OTEL_AUDIT_DESTINATION": "", "OTEL_AUDIT_SPOOL": ""}
    )
    done = start(tmp_path, INSTRUMENT, **settings)
    assert (done.status, done.ran, done.err) == (7, True, "")
    assert done.paths == (["/work/1"] if destination else [])


def test_a_signal_reaches_the_program_that_run_started(tmp_path: Path) -> None:
    done = start(tmp_path, RUN, then="import signal; os.kill(os.getpid(), signal.SIGTERM); signal.pause()")
    assert (done.status, done.paths) == (-signal.SIGTERM, ["/work/1"])


def test_what_a_program_starts_in_turn_is_held_to_the_same(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys\n"
        "env = os.environ | {'OTEL_SDK_DISABLED': 'true'}\n"
        "code = 'print(\"the child runs\")'\n"
        "sys.exit(subprocess.run([sys.executable, '-c', code], env=env).returncode)"
    )
    done = start(tmp_path, RUN, then=child)
    assert (done.status, done.ran) == (78, True)
    assert "the child runs" not in done.out
    assert "OTEL_SDK_DISABLED" in done.err


def test_a_python_without_us_is_not_started(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    done = start(tmp_path, [*RUN, str(bare / "bin" / "python")])
    assert (done.status, done.ran) == (78, False)
    (line,) = done.ours
    assert "cannot load otel-audit (ModuleNotFoundError)" in line
