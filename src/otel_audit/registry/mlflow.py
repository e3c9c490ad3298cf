"""Tags of MLflow's model registry: ``pii = true`` on a registered model, or on one of its versions.

Needs the extra ``mlflow``. Reading loads MLflow, which takes seconds, and talks to its tracking server or database:
only on a thread of ours. Tags: https://mlflow.org/docs/latest/ml/model-registry/ ("Model Tags").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Final

from otel_audit.errors import ConfigurationError, Retry
from otel_audit.forks import importing
from otel_audit.mask.tags import ModelTag

__all__ = ["check_mlflow", "read_mlflow"]

_TAG: Final = "pii"
_PAGE: Final = 1_000


def check_mlflow() -> None:
    """Raise ConfigurationError if MLflow is not installed. Loads none of it."""
    if find_spec("mlflow") is None:
        raise ConfigurationError(
            'models.mlflow_tracking_uri needs MLflow, which is not installed: pip install "otel-audit[mlflow]"'
        )


def read_mlflow(tracking_uri: str) -> tuple[ModelTag, ...]:
    """Every registered model that says whether it has the tag, and every version that has it.

    Args:
        tracking_uri: as MLflow takes it: ``http(s)://…``, ``sqlite:///…``, a folder.

    Raises:
        Retry: MLflow cannot be read now.
    """
    try:
        with importing():
            from mlflow import MlflowClient  # noqa: PLC0415  (seconds, for those who use it)

        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        models = [
            ModelTag(model.name, pii=_is_tagged(model.tags))
            for model in _all(client.search_registered_models)
            if _TAG in model.tags
        ]
        versions = [
            ModelTag(version.name, str(version.version), pii=True)
            for version in _all(client.search_model_versions)
            if _is_tagged(version.tags)
        ]
    except Exception as error:
        # Databases, HTTP and MLflow itself all raise what they like, with addresses in it.
        raise Retry(f"mlflow-{type(error).__name__.lower()}") from error
    return (*models, *versions)


def _all(search: Callable[..., Any]) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _is_tagged(tags: dict[str, str] | None) -> bool:
    return str((tags or {}).get(_TAG, "")).strip().lower() == "true"
