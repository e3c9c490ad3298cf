"""Walls that layers cannot express: which module may touch which foreign library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "otel_audit"
MODULES = sorted(SOURCE.rglob("*.py"))

WALLS = {
    "opentelemetry.sdk": ("convert/from_sdk.py", "sdk/", "testing.py"),
    "opentelemetry.proto": ("convert/from_otlp.py", "receive/"),
    "grpc": ("receive/certificates.py", "receive/grpc_door.py"),
    "granian": ("receive/",),
    "google.rpc": ("receive/answers.py",),
    "gcsfs": ("store/gcs.py", "store/gcs_api.py"),
    "s3fs": ("store/s3.py",),
    "botocore": ("store/s3_api.py", "store/s3_errors.py", "kms/aws.py"),
    "google.auth": ("kms/gcp.py", "store/gcs"),
    "azure": ("store/azure",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "presidio_analyzer": ("mask/ner/presidio.py",),
    "spacy": ("mask/ner/presidio.py",),
    "mlflow": ("registry/mlflow.py",),
}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("library", WALLS)
def test_a_library_is_touched_only_behind_its_wall(library):
    outside = [
        place(module)
        for module in MODULES
        if any(f"{name}.".startswith(f"{library}.") for name in imported(ast.parse(module.read_text())))
        and not place(module).startswith(WALLS[library])
    ]
    assert outside == []


@pytest.mark.parametrize("room", ["spool", "encode", "mask", "convert", "record", "seal"])
def test_rooms_without_files_open_none(room):
    guilty = []
    for module in SOURCE.joinpath(room).rglob("*.py"):
        if place(module) in ("spool/files.py", "convert/otlp_files.py"):
            continue
        tree = ast.parse(module.read_text())
        opens = any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
            for node in ast.walk(tree)
        )
        operating_system = room in ("spool", "encode") and "os" in set(imported(tree))
        if opens or operating_system:
            guilty.append(place(module))
    assert guilty == []
