"""A Celery application that knows nothing of us, on a broker in a folder."""

from __future__ import annotations

import os

import celery

folder = os.environ["JOBS_FOLDER"]
app = celery.Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": folder,
    "data_folder_out": folder,
    "control_folder": os.path.join(folder, "control"),
}
app.conf.worker_hijack_root_logger = False


@app.task
def work(number: int) -> int:
    from opentelemetry import trace

    with trace.get_tracer("jobs").start_as_current_span(
        "POST",
        kind=trace.SpanKind.CLIENT,
        attributes={"http.request.method": "POST", "url.full": f"http://pay.test/work/{number}"},
    ):
        return number
