"""Frozen settings from arguments, environment, declarative configuration and file, in this order."""

from otel_audit.config.loader import Leaf, leaves, load, on_error
from otel_audit.config.secrets import Secret
from otel_audit.config.settings import Settings

__all__ = ["Leaf", "Secret", "Settings", "leaves", "load", "on_error"]
