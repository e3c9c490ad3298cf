"""A FastAPI application that knows nothing of auditing. Any ASGI server runs it.

Run it with::

    export OTEL_SERVICE_NAME=shop OTEL_AUDIT_DESTINATION=./audit-log
    export OTEL_AUDIT_CAPTURE_REQUEST_BODY=true OTEL_AUDIT_CAPTURE_RESPONSE_BODY=true
    opentelemetry-instrument uvicorn --app-dir examples/apps fastapi_shop:app

"""

from typing import Any

from fastapi import Body, FastAPI

app = FastAPI(title="shop")


@app.get("/orders/{number}")
async def order(number: int) -> dict[str, object]:
    return {"order": number, "notify": "jane.doe@example.com"}


@app.post("/orders", status_code=201)
async def place_order(order: dict[str, Any] = Body()) -> dict[str, object]:  # noqa: B008  (FastAPI's way)
    return {"order": 1001, "items": len(order["items"])}
