"""An application that is audited by the SDK's door, says everything that there is to say, and leaves its log in order.

Arguments: folder. Writes the number of its spans as the last line of standard output; logs of all levels, metrics and
what objects of ours look like go to standard error.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from leaks.matrix import end_spans
from leaks.samples import SAMPLES


@otel_audit.audited(event_name="order.place", action="CREATE", target="text", actor=lambda text, fails: "u1")
def _placed(text: str, *, fails: bool) -> str:
    if fails:
        raise LookupError(text)
    return text


def main(folder: Path) -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    logging.getLogger("shop").debug("whatever is logged can be read")
    reader = PeriodicExportingMetricReader(ConsoleMetricExporter(sys.stderr))
    metrics.set_meter_provider(MeterProvider([reader]))
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    installation = otel_audit.install(
        str(folder / "log"), provider=provider, spool=str(folder / "spool"), delivery="blocking",
        queue_max_records=100_000,
    )  # fmt: skip
    count = end_spans(provider, 0)
    for text in (sample.text for sample in SAMPLES):
        otel_audit.get_audit_logger().emit(
            "order.place", actor_id="u1", action="CREATE", outcome="failure", target_id=text, target_type="order",
            purpose=text, session=text, subjects=[text], error_type="ValueError", error_message=text,
            changes={"before": {"note": text}, "after": {text: [text]}}, attributes={"note": text}, body={text: [text]},
            timeout_s=60.0,
        )  # fmt: skip
        count += 1
        for fails in (False, True):
            with suppress(LookupError):
                _placed(text, fails=fails)
            count += 1
    print(repr(installation), installation.health(), provider, file=sys.stderr)
    installation.flush(60)
    reader.collect()
    installation.uninstall()
    print(count)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
