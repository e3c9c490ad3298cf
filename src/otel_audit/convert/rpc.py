"""RPC spans: gRPC, Connect, JSON-RPC, cloud APIs; conventions of before and after 2025.

Before, ``rpc.service`` and ``rpc.method`` are apart, the system is ``rpc.system`` and gRPC's status a number.
Since, ``rpc.method`` is ``package.Service/Method``, the system is ``rpc.system.name`` and the status a word.
"""

from __future__ import annotations

import re
from typing import Final

from opentelemetry.semconv._incubating.attributes import rpc_attributes

from otel_audit.convert import notes
from otel_audit.convert.sorter import Room, Sorted
from otel_audit.convert.spans import Value

__all__ = ["GRPC_OK", "complete_rpc", "is_safe_name"]

GRPC_OK: Final = 0

_GRPC_CODES: Final = {
    name: code
    for code, name in enumerate(
        (
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
            "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
            "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        )
    )
}  # fmt: skip
"""https://grpc.io/docs/guides/status-codes/"""

_SYSTEMS: Final = frozenset(
    {
        "grpc", "connect_rpc", "jsonrpc", "aws-api", "dotnet_wcf", "java_rmi", "apache_dubbo", "dubbo",
        "onc_rpc", "thrift", "twirp", "trpc",
    }
)  # fmt: skip
"""``protocol`` is not masked, so it holds known words only; any other system is ``rpc``."""

_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z_$-]*(?:\d{1,3}[A-Za-z_$-]*){0,4}(?:/[A-Za-z_$-]+)?")
"""Method names of programming languages and of MCP (``tools/call``), without long runs of digits."""


def is_safe_name(name: str) -> bool:
    """Whether a method name may stand in ``method``, which masking does not look at."""
    return len(name) <= 64 and _NAME.fullmatch(name) is not None


def complete_rpc(found: Sorted, oddities: list[str]) -> None:
    """Fills ``rpc``, ``protocol``, ``method`` and ``returnCode``; an HTTP status on the same span wins."""
    row, held = found.row, found.held
    system = _read_system(found)
    method = row.get("rpc.method")
    if isinstance(method, str) and "rpc.service" not in row and "/" in method:
        service, _, method = method.lstrip("/").rpartition("/")
        row["rpc.service"], row["rpc.method"] = service, method
        if not service or not method:
            row.update({"rpc.service": service or None, "rpc.method": method or None})
    if "returnCode" in row or "method" in row:
        row["protocol"] = "http"
        return
    row["protocol"] = system if system in _SYSTEMS else "rpc"
    if isinstance(method, str) and is_safe_name(method):
        row["method"] = method
    if not found.rooms & Room.RPC:
        return
    for name in (
        rpc_attributes.RPC_GRPC_STATUS_CODE,
        rpc_attributes.RPC_RESPONSE_STATUS_CODE,
        rpc_attributes.RPC_JSONRPC_ERROR_CODE,
    ):
        value = held.get(name)
        if value is None:
            continue
        code = _code(value)
        if code is None:
            # A word of another system than gRPC is no number; it stays an attribute without a note.
            if name != rpc_attributes.RPC_RESPONSE_STATUS_CODE:
                oddities.append(notes.WRONG_TYPE)
        elif row.setdefault("returnCode", code) == code:
            del held[name]


def _read_system(found: Sorted) -> str:
    """Takes the system out where ``protocol`` will say it."""
    system = ""
    for name in (rpc_attributes.RPC_SYSTEM_NAME, rpc_attributes.RPC_SYSTEM):
        value = found.held.get(name)
        if not isinstance(value, str):
            continue
        system = system or value
        http = "returnCode" in found.row or "method" in found.row
        if value == system and value in _SYSTEMS and not http:
            del found.held[name]
    return system


def _code(value: Value) -> int | None:
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"-?\d{1,9}", value, re.ASCII) else _GRPC_CODES.get(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else None
