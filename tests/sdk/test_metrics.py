"""What the log says about itself through the application's meter provider."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, otel_audit
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

reader = InMemoryMetricReader()
provider = TracerProvider()
settings = {{"spool": {spool!r}, "queue_max_records": 50, "delivery": "best-effort"}}
installation = otel_audit.install({log!r}, provider=provider, **settings)
# An application may set its meter provider after us.
metrics.set_meter_provider(MeterProvider([reader]))

def call(number):
    attributes = {{"http.request.method": "GET", "url.path": f"/jane{{number}}@example.com"}}
    provider.get_tracer("web").start_span("GET", kind=trace.SpanKind.SERVER, attributes=attributes).end()

for number in range(20):
    call(number)
installation.flush()
for number in range(500):
    call(number)
installation.flush()
found = {{}}
for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
    for point in metric.data.data_points:
        value = getattr(point, "value", None)
        found[metric.name, *sorted(point.attributes.items())] = point.count if value is None else value
print(json.dumps([[str(key), value] for key, value in found.items()]))
"""


def test_what_was_recorded_dropped_masked_and_written_is_counted(tmp_path):
    program = PROGRAM.format(log=str(tmp_path / "log"), spool=str(tmp_path / "spool"))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    found = dict(json.loads(done.stdout))
    emitted = found["('audit.records.emitted', ('audit.stream', 'platform'))"]
    dropped = found["('audit.records.dropped', ('cause', 'queue-full'))"]
    gaps = emitted + dropped - 520
    assert 1 <= gaps <= 3, "every call was emitted or dropped; the rest are the records that say so"
    exported = "('audit.records.exported', ('audit.store', 'file'), ('audit.stream', 'platform'))"
    assert found[exported] == emitted
    assert found["('audit.masked', ('entity', 'EMAIL'))"] >= emitted - gaps
    assert found["('audit.export.duration', ('audit.store', 'file'))"] >= 2
    assert found["('audit.queue.depth',)"] == 0
    assert found["('audit.spool.bytes',)"] >= 0
    assert found["('audit.capture.withheld',)"] == 0
