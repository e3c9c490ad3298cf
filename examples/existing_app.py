"""One line in an application that has a tracer provider and an exporter of its own.

Run it with::

    python examples/existing_app.py ./audit-log

"""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import otel_audit

provider = TracerProvider(resource=Resource.create({"service.name": "billing"}))
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
trace.set_tracer_provider(provider)

with otel_audit.install(destination=sys.argv[1]):
    tracer = trace.get_tracer("billing")
    with tracer.start_as_current_span("GET /invoices/{id}", kind=trace.SpanKind.SERVER) as span:
        span.set_attribute("http.request.method", "GET")
        span.set_attribute("http.route", "/invoices/{id}")
        span.set_attribute("url.path", "/invoices/7")
        span.set_attribute("url.query", "notify=jane.doe@example.com")
        span.set_attribute("http.response.status_code", 200)
        span.set_attribute("user.id", "u8472")

print("written to", sys.argv[1])
