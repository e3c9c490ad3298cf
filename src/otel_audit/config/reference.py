"""``docs/configuration.md``, made from the table of settings: ``python -m otel_audit.config.reference``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from otel_audit.config.loader import CONFIG_VARIABLE, leaves
from otel_audit.config.settings import Settings

_HEAD = f"""\
# Configuration

Settings come from arguments, the environment, a declarative OpenTelemetry configuration and a TOML file; the
first of these that says something wins. The file is named by `{CONFIG_VARIABLE}`. Lists of tables stand only in
files and arguments. An unknown key in a file or an argument is refused; an unknown `OTEL_AUDIT_*` variable is
warned of. A secret is given as `env:NAME`, `file:/path` or the URL of a
KMS ([masking.md](masking.md#keys-from-a-kms)); only the environment may hold it itself.

`otel-audit doctor` prints the settings in force.

| in a file | in the environment | default | meaning |
|---|---|---|---|
"""


def markdown() -> str:
    """The page."""
    return _HEAD + "".join(_rows()) + "".join(_lists())


def _rows() -> Iterator[str]:
    for leaf in leaves():
        # Only here does the section show: a file has [log], variables and arguments leave it out.
        written = leaf.field.metadata["written"]
        default = "" if written in (None, ()) else f"`{_plain(written)}`"
        yield f"| `{'.'.join(leaf.path)}` | `{leaf.variable}` | {default} | {leaf.meaning} |\n"


def _lists(kind: type = Settings, path: str = "") -> Iterator[str]:
    for entry in dataclasses.fields(kind):
        name = f"{path}{entry.metadata.get('key') or entry.name}"
        if "section" in entry.metadata:
            inner = entry.metadata["list"]
            for line in _lists(entry.metadata["section"], f"{name}."):
                # The list stands for its section; beside other keys of the section it has a name of its own.
                yield line.replace(
                    f"## `[[{name}.{inner}]]`\n",
                    f"## `[[{name}]]`\n\n`[[{name}.{inner}]]` beside a `[{name}]`.\n",
                )
        elif "tables" in entry.metadata:
            yield f"\n## `[[{name}]]`\n\n{entry.metadata['meaning'].capitalize()}.\n\n"
            yield "| key | default | meaning |\n|---|---|---|\n"
            for item in dataclasses.fields(entry.metadata["tables"]):
                written = item.metadata["written"]
                default = "" if written in (None, ()) else f"`{_plain(written)}`"
                yield f"| `{item.name}` | {default} | {item.metadata['meaning']} |\n"


def _plain(written: object) -> str:
    if isinstance(written, bool):
        return str(written).lower()
    if isinstance(written, tuple):
        return ", ".join(map(str, written))
    return str(written)


if __name__ == "__main__":
    print(markdown(), end="")
