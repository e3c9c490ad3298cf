"""The Collector's door: OTLP over gRPC and HTTP, answered once its records are durable.

The life of a request::

    http_door, grpc_door    its bytes, and who sent them; refused where there is no room for more
    sink                    waits its turn; requests of one sender go on together
    request                 unpacked within limits, measured, parsed
    pipeline                convert ─► mask ─► spool ─► fdatasync, once for all that go together
    answers                 OK, or why not and when to try again: as gRPC status or HTTP response

A request is taken whole or not at all, and nothing is dropped: whoever gets another answer than OK still has it.
One that is sent again after it was taken makes copies with the same record ids, which readers fold.
"""
