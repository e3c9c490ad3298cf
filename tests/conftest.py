"""Fixtures that start real servers, for every test."""

from __future__ import annotations

pytest_plugins = ["servers.fake_gcs"]
