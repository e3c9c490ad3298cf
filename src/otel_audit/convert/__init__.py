"""Spans and log events of any dialect become records: one :class:`UnmaskedBatch` out of each batch in.

Both doors read their own form into :mod:`~otel_audit.convert.spans`; from there on there is one path.
"""
