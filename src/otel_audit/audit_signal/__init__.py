"""OpenTelemetry's draft audit signal, as far as both of its ends have to agree: names, requirements, proofs.

An audit record is an OTLP log record with attributes under ``audit.``; it goes to an endpoint of its own, is taken
whole or refused, and whoever emitted it gets a receipt. ``docs/audit-signal.md`` has the version of the draft that
is followed, each of its points, and where we differ.
"""
