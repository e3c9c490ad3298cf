"""Fixtures that start real servers, for every test; and a log that says nothing of itself."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from otel_audit.pipeline.life import Life

# How long an example takes says how busy the machine is. Whatever else is set for this machine stays.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

pytest_plugins = [
    "servers.fake_gcs",
    "servers.fake_s3",
    "servers.fake_azure",
    "servers.fake_gcp_kms",
    "servers.clouds",
    "servers.collector",
]


@pytest.fixture
def quiet_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record of the log's own life, for tests of positions and commits; ``pipeline/test_life.py`` is about those."""
    monkeypatch.setattr(Life, "wrote", lambda *_: ())
    monkeypatch.setattr(Life, "stop", lambda *_: ())
