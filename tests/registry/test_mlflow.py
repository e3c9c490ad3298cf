"""The tag ``pii`` of MLflow's own registry, with a real MLflow on SQLite."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.errors import ConfigurationError, Retry
from otel_audit.registry.known import KnownModels
from otel_audit.registry.mlflow import read_mlflow
from otel_audit.registry.options import RegistryOptions
from registry.test_known import App

pytestmark = [
    # MLflow and what it stands on warn of their own future.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """A tracking URI and its client, with models of every kind."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("churn", tags={"pii": "true"})
    client.create_registered_model("scorer")
    client.create_registered_model("open", tags={"pii": "false", "team": "growth"})
    for tags in ({}, {"pii": "True"}):
        client.create_model_version("scorer", source=str(folder), tags=tags)
    return uri, client


def test_tags_of_models_and_of_versions(mlflow: tuple[str, Any]) -> None:
    tags = {(tag.name, tag.version, tag.pii) for tag in read_mlflow(mlflow[0])}
    assert tags == {
        ("churn", None, True),
        ("open", None, False),
        ("scorer", "2", True),
    }


def test_they_are_honoured_and_read_again_only_when_told(mlflow: tuple[str, Any], tmp_path: Path) -> None:
    uri, client = mlflow
    app = App(tmp_path, models={"mlflow_tracking_uri": uri})
    assert app.chat("churn")
    assert app.chat("models:/churn/1")
    assert app.chat("models:/scorer/2")
    assert not app.chat("models:/scorer/1")
    assert app.chat("scorer")
    assert not app.chat("open")
    client.set_registered_model_tag("open", "pii", "true")
    assert not app.chat("open")
    from otel_audit import models

    models.refresh()
    assert app.chat("open")
    app.close()
    client.set_registered_model_tag("open", "pii", "false")


def test_a_model_that_says_nothing_takes_no_configured_tag_away(
    mlflow: tuple[str, Any], tmp_path: Path
) -> None:
    entries = [{"name": name, "pii": True} for name in ("scorer", "open")]
    models = {"mlflow_tracking_uri": mlflow[0], "trust_registry": True, "entries": entries}
    app = App(tmp_path, models=models)
    assert app.chat("models:/scorer/1")
    assert not app.chat("open")
    app.close()


def test_what_it_said_last_holds_while_it_is_away(mlflow: tuple[str, Any], tmp_path: Path) -> None:
    moved = tmp_path / "mlflow.db"
    moved.write_bytes(Path(mlflow[0].removeprefix("sqlite:///")).read_bytes())
    options = RegistryOptions(None, tmp_path / "models", mlflow_tracking_uri=f"sqlite:///{moved}")
    known = KnownModels(options)
    known.refresh()
    moved.write_bytes(b"no database")
    again = KnownModels(options)
    again.begin()
    assert again.tags.is_read
    assert {tag.name for tag in again.tags.tags if tag.pii} == {"churn", "scorer"}
    with pytest.raises(Retry):
        again.refresh()
    again.close()


def test_nothing_is_loaded_and_nobody_waits_in_the_applications_thread(tmp_path: Path) -> None:
    settings = load(
        {
            "destination": str(tmp_path / "log"),
            "models": {"mlflow_tracking_uri": "http://localhost:9", "registry": False},
        },
        environment={},
    )
    began = time.perf_counter()
    options = pipeline_options(settings)
    assert options.registry is not None
    assert options.registry.url is None
    assert time.perf_counter() - began < 1


def test_without_mlflow_it_is_a_configuration_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_audit.registry.mlflow.find_spec", lambda name: None)
    settings = load(
        {"destination": str(tmp_path / "log"), "models": {"mlflow_tracking_uri": "sqlite:///x.db"}},
        environment={},
    )
    with pytest.raises(ConfigurationError, match=r"pip install .otel-audit\[mlflow\]."):
        pipeline_options(settings)
