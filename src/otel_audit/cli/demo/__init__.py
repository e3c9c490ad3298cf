"""``otel-audit demo``: a small real application, audited without a change to it.

``app.py`` is the application, ``neighbours.py`` what it talks to, ``traffic.py`` what its users do, ``show.py``
what a person sees afterwards.
"""

from otel_audit.cli.demo.command import command

__all__ = ["command"]
