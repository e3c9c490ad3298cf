"""What is installed beside us, and what in the environment decides over what we see."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Final

from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER

from otel_audit.cli.doctor.finding import Finding

_PACKAGES: Final = (
    "otel-audit",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-distro",
    "pyarrow",
    "gcsfs",
    "duckdb",
)
_EXPORTER: Final = "otel_audit"

# Variables of the SDK (opentelemetry.sdk.environment_variables), which only our doors import, and of the
# instrumentations. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_LIMITS: Final = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
)
_GENAI_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def findings(environment: Mapping[str, str], *, has_destination: bool) -> Iterator[Finding]:
    """Packages, instrumentations, and variables that take something away before we see it."""
    yield Finding("note", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("note", ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name))))
    yield from _instrumentations()
    yield from _start()
    exporters = [name.strip() for name in environment.get(OTEL_TRACES_EXPORTER, "").split(",")]
    if _EXPORTER in exporters:
        yield Finding(
            "note", f"{OTEL_TRACES_EXPORTER} names {_EXPORTER}: spans come through the SDK's batch processor"
        )
    if environment.get(_SDK_DISABLED, "").strip().lower() == "true" and has_destination:
        yield Finding("problem", f"{_SDK_DISABLED}=true while a destination is set: nothing would be audited")
    sampler = environment.get(_SAMPLER, "")
    if sampler not in ("", "always_on", "parentbased_always_on"):
        yield Finding(
            "warning",
            f"{_SAMPLER}={sampler}: what it drops reaches no exporter; install() and the hook record it all the same",
        )
    for name in _LIMITS:
        if name in environment:
            yield Finding(
                "warning", f"{name}={environment[name]}: what the SDK cuts is counted, not recorded"
            )
    for name in sorted(environment):
        if name.startswith("OTEL_PYTHON_") and name.endswith("EXCLUDED_URLS") and environment[name]:
            yield Finding("warning", f"{name} is set: requests to these URLs make no span and no record")
    if not environment.get(_GENAI_CONTENT):
        yield Finding(
            "note",
            f"{_GENAI_CONTENT} is not set: the official GenAI instrumentations capture no messages",
        )


def _instrumentations() -> Iterator[Finding]:
    found: dict[str, list[str]] = {}
    for point in entry_points(group="opentelemetry_instrumentor"):
        found.setdefault(point.name, []).append(point.dist.name if point.dist else point.value)
    if not found:
        yield Finding("warning", "no instrumentation is installed: no library makes spans by itself")
        return
    yield Finding("note", f"instrumentations installed: {', '.join(sorted(found))}")
    for name, packages in sorted(found.items()):
        if len(packages) > 1:
            yield Finding("warning", f"{', '.join(sorted(packages))} all instrument {name}: one of them wins")


def _start() -> Iterator[Finding]:
    """What makes and sees the tracer provider where no code does it."""
    configurators = sorted(point.name for point in entry_points(group="opentelemetry_configurator"))
    if not configurators:
        yield Finding(
            "warning",
            "no distro is installed: opentelemetry-instrument makes no tracer provider, and nothing is audited "
            "without code; pip install 'otel-audit[auto]'",
        )
    elif len(configurators) > 1:
        yield Finding(
            "warning",
            f"several configurators are installed ({', '.join(configurators)}): one of them wins, unless "
            "OTEL_PYTHON_CONFIGURATOR names it",
        )
    yield Finding(
        "note",
        "who else hangs on a tracer provider cannot be seen from here: each process says so at start (INFO). Where "
        "unsampled calls are recorded, processors that are no BatchSpanProcessor or SimpleSpanProcessor see them, too",
    )
    yield Finding("note", "otel-audit run -- CMD starts a program only if it is audited")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
