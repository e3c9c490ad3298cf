"""What happens at start without a line of code, and what a wrong configuration does there."""

from __future__ import annotations

import logging
import os

from opentelemetry import trace
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.trace import TracerProvider

from otel_audit.config import on_error
from otel_audit.errors import ConfigurationError, describe_defect
from otel_audit.sdk.attachment import company, flaw
from otel_audit.sdk.install import Installation, install
from otel_audit.sdk.zero_code import end

__all__ = ["attach_to_global_provider", "confirm", "refuse", "why_not_audited"]

_log = logging.getLogger(__name__)

_NO_PROVIDER = (
    "there is no tracer provider of the OpenTelemetry SDK: no configurator made one. Install "
    "opentelemetry-distro (pip install 'otel-audit[auto]') or a distro that sets one up"
)


class _Start:
    """What the hooks did in this process."""

    installation: Installation | None = None
    was_refused = False


def attach_to_global_provider() -> None:
    """Attach the processor to the provider that auto-instrumentation has made. Never raises but to end the
    process before application code runs.
    """
    try:
        _check_sdk()
        _Start.installation = install()
    except ConfigurationError as error:
        _Start.was_refused = True
        refuse(error)
    except Exception as error:  # noqa: BLE001  (a hook that raises costs its user all instrumentation)
        _Start.was_refused = True
        refuse(ConfigurationError(f"a defect at start ({describe_defect(error)})"))


def confirm() -> None:
    """Once everything is instrumented: say who hangs on the provider, or that nothing is audited after all.

    Never raises but to end the process, as :func:`attach_to_global_provider`.
    """
    if _Start.was_refused:
        return
    problem = why_not_audited()
    if problem is not None:
        refuse(ConfigurationError(problem))
    elif _Start.installation is not None:
        others, unfiltered = company(_Start.installation)
        _log.info("spans are audited; beside us on the tracer provider: %s", ", ".join(others) or "nobody")
        engine = _Start.installation._processor._recorder.settings.ner.engine
        _log.info(
            "names and addresses in texts %s",
            "stay: nobody looks for them" if engine == "off" else f"are looked for by {engine}",
        )
        if unfiltered and _Start.installation._processor._recorder.settings.log.sampling == "all":
            _log.info("these are called for calls that are not sampled, too: %s", ", ".join(unfiltered))


def why_not_audited() -> str | None:
    """Why spans of the global tracer provider are not audited, in one sentence; None if they are."""
    try:
        _check_sdk()
    except ConfigurationError as error:
        return str(error)
    if _Start.installation is None:
        return "the hook of otel-audit was not called: the entry point of opentelemetry_pre_instrument is missing"
    return flaw(_Start.installation)


def refuse(error: ConfigurationError) -> None:
    """End the process with one line, or go on un-audited where ``OTEL_AUDIT_ON_ERROR=warn`` says so."""
    if on_error() == "warn":
        _log.error("nothing is audited: %s", error)
        return
    end(str(error))


def _check_sdk() -> None:
    if os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        raise ConfigurationError(
            f"{OTEL_SDK_DISABLED}=true leaves nothing to audit; unset it, or unset OTEL_AUDIT_DESTINATION"
        )
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        raise ConfigurationError(_NO_PROVIDER)
