"""``otel-audit ingest``: OTLP files become audit records, once or as they come.

``command.py`` is the command; ``once.py`` reads files to their end; ``watch.py`` goes on looking, at the places of
``sources.py``, and knows from ``taken.py`` what it has had.
"""

from otel_audit.cli.ingest.command import command

__all__ = ["command"]
