"""The plug-in door: from an application's tracer provider, or its own ``emit``, to the write path.

::

    processor.py   exporter.py   install.py   zero_code.py   audit_logger.py       doors
                  sharing.py ─► recorder.py                                        one a process and configuration
              queue.py ─► appender.py                                              two threads of ours
    notes.py   capture/   identity/   holding.py                                   what is known beside a span
    sampler.py   endings.py   health.py   awaiting.py (strict on an event loop)
"""
