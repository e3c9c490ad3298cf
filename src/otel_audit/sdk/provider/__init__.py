"""The SDK side of OpenTelemetry's draft audit signal: a provider whose records go to a sink, with a receipt for each.

The life of a record::

    provider     emit: checked, then handed to each processor in order; whoever emitted waits
    signing      a proof over its canonical form
    simple       exported at once, one export at a time      batching    kept, on disk if asked for, exported together
    delivery     again with back-off, until it is taken, refused for good, or there is no time left
    exporter     OTLP/HTTP to the endpoint of a sink; or this process's own log

Nothing here samples, filters or drops: what is not acknowledged is an error of whoever emitted it.
"""
