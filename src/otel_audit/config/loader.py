"""Settings out of arguments, environment, declarative configuration and file; the first that says it wins.

Unknown keys in files and arguments are refused; unknown ``OTEL_AUDIT_*`` variables only warn, since other
software names variables too: Kubernetes injects ``*_SERVICE_*`` and ``*_PORT*`` for every service.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from otel_audit.config.checking import checked, did_you_mean, key_of, parsed
from otel_audit.config.settings import Settings
from otel_audit.errors import ConfigurationError

_log = logging.getLogger(__name__)

PREFIX: Final = "OTEL_AUDIT_"
CONFIG_VARIABLE: Final = "OTEL_AUDIT_CONFIG"
"""Path of a TOML file."""

_INJECTED_BY_KUBERNETES: Final = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_|$)")
_TOP_LEVEL: Final = "log"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting as found in the table."""

    path: tuple[str, ...]
    field: dataclasses.Field[Any]

    @property
    def name(self) -> str:
        """As written in a file: ``rotation.max_age``; a key of ``[log]`` by itself."""
        return ".".join(self.path[1:] if self.path[0] == _TOP_LEVEL else self.path)

    @property
    def variable(self) -> str:
        """Environment variable."""
        return PREFIX + self.name.replace(".", "_").replace("-", "_").upper()

    @property
    def is_secret(self) -> bool:
        return bool(self.field.metadata.get("secret"))

    @property
    def meaning(self) -> str:
        return str(self.field.metadata["meaning"])


def leaves(kind: type = Settings, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every setting that is a single value, in the order of the table."""
    for entry in dataclasses.fields(kind):
        inner = (*path, key_of(entry))
        if "section" in entry.metadata:
            yield from leaves(entry.metadata["section"], inner)
        elif "tables" not in entry.metadata:
            yield Leaf(inner, entry)


def load(
    arguments: Mapping[str, object] | None = None,
    *,
    declarative: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from every source.

    Args:
        arguments: keys of ``[log]`` and sections as nested mappings, as ``install()`` takes them.
        declarative: the same, as a declarative OpenTelemetry configuration gives them.
        environment: by default the process's.

    Raises:
        ConfigurationError: an unknown key, a value that is not accepted, an unsafe combination; the message
            names the source, the path, the value unless it is secret, and what is accepted.
    """
    environment = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    file = environment.get(CONFIG_VARIABLE)
    if file:
        _merge(merged, checked(_read_toml(file), source=file, literal_secrets=False))
    for source, given in (("declarative configuration", declarative),):
        if given:
            _merge(merged, checked(_nested(given), source=source, literal_secrets=False))
    _merge(merged, _from_environment(environment))
    if arguments:
        _merge(merged, checked(_nested(arguments), source="argument", literal_secrets=True))
    return _build(Settings, merged)


def on_error(environment: Mapping[str, str] | None = None) -> str:
    """What a wrong configuration does, read by itself, since the rest of it may be what is wrong.

    Returns:
        ``warn`` where the environment or the file says so plainly, else ``exit``.
    """
    environment = os.environ if environment is None else environment
    said: object = environment.get(f"{PREFIX}ON_ERROR")
    file = environment.get(CONFIG_VARIABLE)
    if said is None and file:
        try:
            said = _read_toml(file).get(_TOP_LEVEL, {}).get("on_error")
        except (ConfigurationError, AttributeError):
            return "exit"
    return "warn" if said == "warn" else "exit"


def _read_toml(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_VARIABLE} names {path}, which cannot be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's sentence may quote the line, and a line may hold a secret.
        place = re.search(r"\(at [^)]*\)", str(error))
        raise ConfigurationError(f"{path} is not valid TOML {place[0] if place else ''}".rstrip()) from None


def _nested(given: Mapping[str, object]) -> dict[str, Any]:
    """Arguments as a file would hold them: keys that are no section belong to ``[log]``."""
    sections = {key_of(entry) for entry in dataclasses.fields(Settings)}
    result: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in sections:
            result[name] = value
        else:
            result.setdefault(_TOP_LEVEL, {})[name] = value
    return result


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {leaf.variable: leaf for leaf in leaves()}
    result: dict[str, Any] = {}
    for variable, raw in environment.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or not raw:
            continue
        leaf = known.get(variable)
        if leaf is None:
            if not _INJECTED_BY_KUBERNETES.search(variable):
                _log.warning("unknown variable %s%s", variable, did_you_mean(variable, known))
            continue
        value = parsed(leaf.field, raw, source="environment", name=variable, literal_secrets=True)
        table = result
        for part in leaf.path[:-1]:
            table = table.setdefault(part, {})
        table[leaf.path[-1]] = value
    return result


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _build(kind: type[T], table: Mapping[str, Any]) -> T:
    values: dict[str, Any] = {}
    for entry in dataclasses.fields(kind):  # type: ignore[arg-type]
        key = key_of(entry)
        if "section" in entry.metadata:
            values[entry.name] = _build(entry.metadata["section"], table.get(key, {}))
        elif key in table:
            values[entry.name] = table[key]
    return kind(**values)
