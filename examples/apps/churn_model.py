"""A scikit-learn model behind an endpoint: its calls go to the stream ``model-io``, its inputs nowhere.

Run it with::

    export OTEL_SERVICE_NAME=models OTEL_AUDIT_CONFIG=examples/apps/churn_model.toml
    opentelemetry-instrument gunicorn --chdir examples/apps churn_model:app

"""

import numpy as np
from flask import Flask, request
from sklearn.linear_model import LogisticRegression

app = Flask("models")

_rng = np.random.default_rng(7)
_features = _rng.normal(size=(200, 3))
_model = LogisticRegression().fit(_features, _features @ [2.0, -1.0, 0.5] > 0)


@app.post("/v1/models/churn:predict")
def predict() -> dict[str, list[float]]:
    rows = [[row["calls"], row["age"], row["plan"]] for row in request.get_json()["instances"]]
    return {"predictions": _model.predict_proba(np.array(rows))[:, 1].round(4).tolist()}
