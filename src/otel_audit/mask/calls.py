"""What the model tag of a record depends on, read out of a batch."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute

from otel_audit.mask.arrow import Column, children
from otel_audit.mask.model_names import normal_path

__all__ = ["CONTENT_EVENT", "Call", "read_calls"]

CONTENT_EVENT: Final = "audit.content"
"""A record with what followed of the bodies of another one's span."""


class Call(NamedTuple):
    """What the tag of a record depends on, but for the records around it."""

    inference: bool
    model: str | None
    response_model: str | None
    version: str | None
    body_model: str | None
    has_body: bool
    route: str | None
    path: str | None
    endpoint_path: str | None
    host: str | None

    @property
    def is_named(self) -> bool:
        """Whether it says which model it concerns."""
        return bool(self.model or self.response_model or self.body_model)

    def places(self) -> list[str]:
        """Route, path and URL, in the spelling of endpoints."""
        places = []
        for path in (self.route, self.path, self.endpoint_path):
            if path:
                normal = normal_path(path)
                places.append(normal)
                if self.host:
                    places.append(f"{self.host}{normal}".casefold())
        return places


def read_calls(records: pa.RecordBatch, *, with_places: bool) -> list[Call]:
    """The calls of a batch, a record each.

    Args:
        records: with the columns of the schema.
        with_places: whether anybody asks for routes, paths and hosts.
    """
    info = children(records.column("modelInfo"))
    inference = _are_inference(records.column("eventName").to_pylist(), info["operation"])
    nothing: list[None] = [None] * records.num_rows
    columns: list[list[Any]] = [
        inference,
        *(info[name].to_pylist() for name in ("modelName", "responseModel", "modelVersion")),
        _body_models(records.column("request"), inference),
        (_is_there(records.column("request")) | _is_there(records.column("requestBase64"))).tolist(),
    ]
    if with_places:
        columns += [records.column(name).to_pylist() for name in ("route", "requestPath")]
        columns += [
            info["endpointPath"].to_pylist(),
            children(records.column("server"))["address"].to_pylist(),
        ]
    else:
        columns += [nothing] * 4
    return [Call(*values) for values in zip(*columns, strict=True)]


def _are_inference(events: list[Any], operations: Column) -> list[bool]:
    known = {name: str(name).startswith("gen_ai.") for name in dict.fromkeys(events)}
    found = [known[name] for name in events]
    if CONTENT_EVENT in known:
        # The rest of a call's body follows under another name.
        for row, operation in enumerate(operations.to_pylist()):
            found[row] = found[row] or (events[row] == CONTENT_EVENT and operation is not None)
    return found


def _is_there(column: Column) -> Any:
    return column.is_valid().to_numpy(zero_copy_only=False)


def _body_models(requests: Column, inference: list[bool]) -> list[str | None]:
    """The member ``model`` of each JSON body that is not of an inference span."""
    models: list[str | None] = [None] * len(requests)
    kernels: Any = pyarrow.compute
    bodies = np.flatnonzero(_is_there(requests) & ~np.array(inference, np.bool_))
    if not len(bodies):
        return models
    named = kernels.match_substring(requests.take(bodies), '"model"').to_numpy(zero_copy_only=False)
    for row in bodies[named].tolist():
        try:
            body = orjson.loads(requests[row].as_py())
        except ValueError:
            continue
        model = body.get("model") if isinstance(body, dict) else None
        models[row] = model if isinstance(model, str) else None
    return models
