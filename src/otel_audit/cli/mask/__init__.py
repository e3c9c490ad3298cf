"""``otel-audit mask``."""

from otel_audit.cli.mask.group import command

__all__ = ["command"]
