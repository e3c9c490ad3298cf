"""What happens at start without a line of code, and what a wrong configuration does there."""

from __future__ import annotations

import logging
import os
import sys

from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED

from otel_audit.config import on_error
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.install import install

__all__ = ["attach_to_global_provider", "refuse"]

_log = logging.getLogger(__name__)

_EX_CONFIG = 78
"""Exit status for a configuration error, from sysexits.h."""


def attach_to_global_provider() -> None:
    """Attach the processor to the provider that auto-instrumentation has made. Never raises but to end the
    process before application code runs.
    """
    try:
        if os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
            raise ConfigurationError(
                f"{OTEL_SDK_DISABLED}=true leaves nothing to audit; unset it, or unset OTEL_AUDIT_DESTINATION"
            )
        install()
    except ConfigurationError as error:
        refuse(error)


def refuse(error: ConfigurationError) -> None:
    """End the process with one line, or go on un-audited where ``OTEL_AUDIT_ON_ERROR=warn`` says so."""
    if on_error() == "warn":
        _log.error("nothing is audited: %s", error)
        return
    sys.stderr.write(f"otel-audit: {error}\n")
    raise SystemExit(_EX_CONFIG) from None
