"""A Flask application that knows nothing of auditing. Any WSGI server runs it.

Run it with::

    export OTEL_SERVICE_NAME=shop OTEL_AUDIT_DESTINATION=./audit-log
    export OTEL_AUDIT_CAPTURE_REQUEST_BODY=true OTEL_AUDIT_CAPTURE_RESPONSE_BODY=true
    opentelemetry-instrument gunicorn --chdir examples/apps flask_shop:app

"""

from flask import Flask, request

app = Flask("shop")


@app.get("/orders/<int:number>")
def order(number: int) -> dict[str, object]:
    return {"order": number, "notify": "jane.doe@example.com"}


@app.post("/orders")
def place_order() -> tuple[dict[str, object], int]:
    return {"order": 1001, "items": len(request.get_json()["items"])}, 201
