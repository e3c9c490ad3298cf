"""Celery tasks that call another service; each process of the worker is audited for itself.

Run it with::

    export OTEL_SERVICE_NAME=jobs OTEL_AUDIT_DESTINATION=./audit-log
    export BROKER_FOLDER=/tmp/jobs SHOP=http://localhost:8000
    opentelemetry-instrument celery --workdir examples/apps --app celery_jobs worker

and from another terminal::

    cd examples/apps && python -c 'import celery_jobs; celery_jobs.remind.delay(7)'

"""

import os

import requests
from celery import Celery

app = Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": os.environ["BROKER_FOLDER"],
    "data_folder_out": os.environ["BROKER_FOLDER"],
    "control_folder": os.path.join(os.environ["BROKER_FOLDER"], "control"),
}


@app.task
def remind(number: int) -> int:
    url = f"{os.environ['SHOP']}/orders/{number}?notify=jane.doe@example.com"
    return requests.get(url, timeout=10).status_code
