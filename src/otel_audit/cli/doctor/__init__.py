"""``otel-audit doctor``: what is set, whether it works, and what is lost in which failure.

``command.py`` prints; every other module finds out about one thing and gives :class:`~.finding.Finding`\\ s.
"""

from otel_audit.cli.doctor.command import command

__all__ = ["command"]
