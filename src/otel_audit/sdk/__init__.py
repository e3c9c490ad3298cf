"""The plug-in door: what an application's tracer provider is given.

``processor.py`` takes ended spans, ``exporter.py`` is what ``OTEL_TRACES_EXPORTER=otel_audit`` finds,
``install.py`` attaches to a provider by one line, ``queue.py`` carries spans to our own thread.
"""
