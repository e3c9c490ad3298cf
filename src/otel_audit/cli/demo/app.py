"""A small shop, as somebody might have written it: nothing in this file knows about auditing.

It serves an API, asks a stock service with ``requests``, serves a scikit-learn model and talks to a language
model with the ``openai`` client. It reads ``PORT``, ``STOCK_URL`` and, as the client does by itself,
``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``.
"""

from __future__ import annotations

import os
import signal
import sys

import openai
import requests
from flask import Flask, Response, jsonify, request
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

app = Flask("shop")
llm = openai.OpenAI(max_retries=0, timeout=30)

features, churned = make_classification(n_samples=400, n_features=4, random_state=7)
churn_model = LogisticRegression().fit(features, churned)

ORDERS = {
    "1001": {"customer": "u8472", "sku": "KETTLE-2", "total": 42.5},
    "1002": {"customer": "u1138", "sku": "TOASTER-1", "total": 19.9},
}


@app.get("/api/orders/<order_id>")
def order(order_id: str) -> tuple[Response, int]:
    found = ORDERS.get(order_id)
    if found is None:
        return jsonify(error="no such order"), 404
    stock = requests.get(f"{os.environ['STOCK_URL']}/stock/{found['sku']}", timeout=10)
    return jsonify(found | {"inStock": stock.json()["inStock"]}), 200


@app.get("/api/search")
def search() -> Response:
    return jsonify(matches=[key for key in ORDERS if key.startswith(request.args.get("q", ""))])


@app.post("/api/orders/<order_id>/refund")
def refund(order_id: str) -> Response:
    return jsonify(refunded=ORDERS[order_id]["total"])


@app.post("/v1/models/churn:predict")
def predict() -> tuple[Response, int]:
    rows = request.get_json().get("instances")
    if not rows:
        return jsonify(error="instances is missing"), 400
    return jsonify(predictions=[round(float(p), 4) for p in churn_model.predict_proba(rows)[:, 1]]), 200


@app.post("/api/assistant")
def assistant() -> tuple[Response, int]:
    body = request.get_json()
    try:
        answer = llm.chat.completions.create(
            model=body.get("model", os.environ.get("DEMO_MODEL", "gpt-4o-mini")),
            user=request.headers.get("x-user", "anonymous"),
            messages=[
                {"role": "system", "content": "You are the assistant of a small shop. Be brief."},
                {"role": "user", "content": body["question"]},
            ],
        )
    except openai.APIStatusError as error:
        return jsonify(error=type(error).__name__), 502
    return jsonify(answer=answer.choices[0].message.content), 200


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run(host="localhost", port=int(os.environ["PORT"]), threaded=True)
