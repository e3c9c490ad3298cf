"""Fixtures that start real servers, for every test."""

from __future__ import annotations

pytest_plugins = ["servers.fake_gcs", "servers.fake_s3", "servers.fake_azure", "servers.clouds"]
