"""No code: this application does not know that it is audited.

Run it with::

    export OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
    export OTEL_SERVICE_NAME=hello OTEL_AUDIT_DESTINATION=./audit-log
    export OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=x-user
    opentelemetry-instrument python examples/zero_code.py

It serves one request to itself, so that there is something to look at afterwards::

    otel-audit query --destination ./audit-log
"""

import threading

import requests
from flask import Flask
from werkzeug.serving import make_server

app = Flask("hello")


@app.get("/hello/<name>")
def hello(name: str) -> dict[str, str]:
    return {"hello": name}


server = make_server("localhost", 0, app)
thread = threading.Thread(target=server.serve_forever)
thread.start()
try:
    answer = requests.get(
        f"http://localhost:{server.server_port}/hello/jane.doe@example.com",
        headers={"x-user": "u8472"},
        timeout=10,
    )
    print(answer.status_code, answer.json())
finally:
    server.shutdown()
    thread.join()
