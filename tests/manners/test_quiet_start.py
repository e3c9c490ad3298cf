"""Installed and not configured, nothing happens; configured and not used, next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "pyarrow",
    "re2",
    "stdnum",
    "phonenumbers",
    "gcsfs",
    "fsspec",
    "aiohttp",
    "click",
    "rich",
    "ssl",
    "asyncio",
    "orjson",
}


def in_new_process(code: str, **variables: str) -> dict[str, object]:
    """What ``code`` leaves in ``result``, run by a fresh interpreter."""
    program = f"import sys, json\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **variables},
        timeout=60,
    )
    return json.loads(done.stdout)


def test_importing_the_package_loads_nothing_else():
    loaded = in_new_process("import otel_audit\nresult = sorted(set(sys.modules) - before)")
    assert loaded == ["otel_audit"]


def test_a_processor_that_saw_no_span_loads_no_heavy_module_and_makes_no_thread_or_file(tmp_path: Path):
    found = in_new_process(
        "import threading, os\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "import otel_audit\n"
        "provider = TracerProvider()\n"
        f"log, spool = {str(tmp_path / 'log')!r}, {str(tmp_path / 'spool')!r}\n"
        "with otel_audit.install(log, provider=provider, spool=spool):\n"
        "    result = {'modules': sorted(set(sys.modules) - before), 'threads': threading.active_count()}\n"
    )
    assert HEAVY & {name.split(".")[0] for name in found["modules"]} == set()
    assert found["threads"] == 1
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_are_few_and_fixed():
    names = in_new_process("import otel_audit\nresult = sorted(otel_audit.__all__)")
    assert names == [
        "AuditASGIMiddleware",
        "AuditError",
        "AuditLogRecordProcessor",
        "AuditLogger",
        "AuditProvider",
        "AuditReceipt",
        "AuditRecord",
        "AuditRecordExporter",
        "AuditRecordProcessor",
        "AuditSpanProcessor",
        "AuditWSGIMiddleware",
        "Auth",
        "BatchAuditRecordProcessor",
        "ConfigurationError",
        "DiskBuffer",
        "ExportResult",
        "Health",
        "Installation",
        "NotDurable",
        "OTLPAuditExporter",
        "Oversight",
        "RetryPolicy",
        "SigningAuditRecordProcessor",
        "SigningKey",
        "SimpleAuditRecordProcessor",
        "StrictASGIMiddleware",
        "__version__",
        "acting_as",
        "audited",
        "changes_between",
        "events",
        "get_audit_logger",
        "get_audit_provider",
        "install",
        "models",
        "set_audit_provider",
        "set_user",
    ]


def test_the_hooks_import_nothing_and_do_nothing_where_no_destination_is_set():
    loaded = in_new_process(
        "from otel_audit.sdk.zero_code import post_instrument, pre_instrument\n"
        "pre_instrument()\n"
        "post_instrument()\n"
        "result = sorted(set(sys.modules) - before)"
    )
    assert loaded == ["otel_audit", "otel_audit.sdk", "otel_audit.sdk.zero_code"]


def test_every_public_name_can_be_fetched():
    in_new_process("import otel_audit\nfor name in otel_audit.__all__: getattr(otel_audit, name)\nresult = 1")
