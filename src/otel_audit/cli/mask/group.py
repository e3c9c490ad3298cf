"""The commands about masking."""

from __future__ import annotations

import click

from otel_audit.cli.mask.examples import test
from otel_audit.cli.mask.explain import explain
from otel_audit.cli.mask.lookup import lookup
from otel_audit.cli.mask.published import policy
from otel_audit.cli.mask.texts import text

__all__ = ["command"]


@click.group(name="mask")
def command() -> None:
    """Mask texts; try and explain what masks them.

    The policy is the one in force: [mask] of the file that OTEL_AUDIT_CONFIG names, and OTEL_AUDIT_MASK_*.
    """


command.add_command(text)
command.add_command(test)
command.add_command(explain)
command.add_command(policy)
command.add_command(lookup)
