"""``otel-audit run``: a program under auto-instrumentation, started only if it is audited.

The program takes the place of this process: signals, exit status, standard streams and the process id are its own.
What can be known before is checked here; the rest in the started process, before any code of the program
(:mod:`otel_audit.sdk.guard`).
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, NoReturn

import click

from otel_audit.cli.main import warn
from otel_audit.cli.options import destination_option
from otel_audit.cli.python_command import ignores_environment, is_python
from otel_audit.cli.sources import written_places
from otel_audit.cli.text import visible
from otel_audit.config import load
from otel_audit.config.build import spool_root
from otel_audit.errors import AuditError, ConfigurationError
from otel_audit.spool import Files, guard

_NOT_AUDITED: Final = 78
_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127

_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"
"""Of the SDK (opentelemetry.sdk.environment_variables), which only our doors import."""

_DESTINATION: Final = "OTEL_AUDIT_DESTINATION"

_GUARDED: Final = Path(__file__).parents[1] / "sdk" / "guarded"
"""The folder of the ``sitecustomize.py`` that stands in for auto-instrumentation's."""


@click.command(
    name="run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=(
        "Exit codes: that of CMD; 78 if it would not be audited and was not started, 126 if it cannot be "
        "executed, 127 if it is not found, 2 wrong usage."
    ),
)
@destination_option
@click.argument("program", metavar="CMD")
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def command(*, destination: str | None, program: str, arguments: tuple[str, ...]) -> None:
    """Start a program under auto-instrumentation, if it is audited.

    Takes the place of `opentelemetry-instrument CMD ARGS...`, which goes on where something fails. Here CMD begins
    only when the settings are right, the spool can be written, auto-instrumentation has gone through (distro,
    configurator, exporters, instrumentors) and the audit processor hangs on the tracer provider. Otherwise one line
    says why, whatever OTEL_AUDIT_ON_ERROR says. The destination is not tried: records wait for it.

    The program takes the place of this process, so signals and its exit code are its own. Every Python program
    that it starts in turn is held to the same.

    \b
      otel-audit run -- python app.py --port 8000
      otel-audit run -- gunicorn app:app
    """
    try:
        _check(destination)
    except AuditError as error:
        _refuse(str(error))
    path = shutil.which(program)
    if path is None:
        _end(f"{program}: not found", _NOT_EXECUTABLE if Path(program).is_file() else _NOT_FOUND)
    if Path(path).name == "opentelemetry-instrument":
        raise click.UsageError("run does what opentelemetry-instrument does: give the program itself")
    if ignores_environment(path, arguments):
        _refuse("this Python ignores PYTHONPATH or site (-E, -I, -S): it cannot be instrumented")
    if not is_python(path):
        warn(f"{program} is no Python program: only Python programs that it starts are audited")
    _become(path, (program, *arguments), destination)


def _check(destination: str | None) -> None:
    """What can be known before anything is started.

    Raises:
        AuditError: the program would not be audited.
    """
    settings = load({"destination": destination})
    if not written_places(settings):
        raise ConfigurationError(f"no destination is set: give --destination or {_DESTINATION}")
    if os.environ.get(_SDK_DISABLED, "").strip().lower() == "true":
        raise ConfigurationError(f"{_SDK_DISABLED}=true leaves nothing to audit; unset it")
    root = spool_root(settings)
    guard.spool_root(Files(), root, force=False)
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"x")
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "it failed")
        raise ConfigurationError(f"the spool {root} cannot be written: {reason}") from error
    try:
        is_there = importlib.util.find_spec("opentelemetry.instrumentation.auto_instrumentation") is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there or not entry_points(group="opentelemetry_configurator"):
        raise ConfigurationError(
            "auto-instrumentation or its distro is not installed: pip install 'otel-audit[auto]'"
        )
    for group in ("opentelemetry_pre_instrument", "opentelemetry_post_instrument"):
        for point in entry_points(group=group, name="otel_audit"):
            point.load()
            break
        else:
            raise ConfigurationError(f"the entry point of {group} is missing: install otel-audit again")


def _become(path: str, arguments: tuple[str, ...], destination: str | None) -> NoReturn:
    environment = dict(os.environ)
    if destination is not None:
        environment[_DESTINATION] = destination
    # The folder that the program is started in, as opentelemetry-instrument has it.
    before = [str(_GUARDED), str(Path.cwd())]
    kept = [
        place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place not in ("", *before)
    ]
    environment["PYTHONPATH"] = os.pathsep.join([*before, *kept])
    for name in ("SIGPIPE", "SIGXFSZ"):
        # Python ignores them, and a program inherits that.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execve(path, arguments, environment)  # noqa: S606  (the program that the user names)
    except OSError as error:
        _end(f"{path}: {os.strerror(error.errno or 0)}", _NOT_EXECUTABLE)


def _refuse(why: str) -> NoReturn:
    _end(f"nothing is started: {why}", _NOT_AUDITED)


def _end(why: str, status: int) -> NoReturn:
    click.echo(f"otel-audit: {visible(why)}", err=True)
    raise click.exceptions.Exit(status)
