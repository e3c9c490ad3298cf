"""``otel-audit mask explain``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_audit.cli.mask.published import published
from otel_audit.cli.options import destination_option, format_option
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.policy_document import read_policy
from otel_audit.record.schema import BY_NAME, FIELDS, Treatment
from otel_audit.record.streams import STREAMS

__all__ = ["explain"]


@dataclass(frozen=True, slots=True)
class _Facts:
    stream: str
    model: str
    route: str
    tenant: str


@dataclass(frozen=True, slots=True)
class _Decision:
    """What happens to findings of one type in one field."""

    field: str
    entity: str
    operator: str
    decided_by: str


@click.command(name="explain")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@click.option("--entity", help="Only findings of this type; by default all that differ.")
@click.option(
    "--stream", type=click.Choice(STREAMS), default="platform", show_default=True, help="Of the record."
)
@click.option("--model", default="", help="Model of the record.")
@click.option("--route", default="", help="Route of the record.")
@click.option(
    "--policy",
    "fingerprint",
    metavar="FINGERPRINT",
    help="Explain this policy of the log, as records name it in masking.policy; its first digits are enough. "
    "By default the one in force.",
)
@destination_option
@format_option("table", "json", default="table")
def explain(
    *,
    fields: tuple[str, ...],
    entity: str | None,
    stream: str,
    model: str,
    route: str,
    fingerprint: str | None,
    destination: str | None,
    format_: str,
) -> None:
    """Say which rule decides what happens in FIELD.

    FIELD is a path as in masking.fields of a record, such as requestHeaders.x-tenant or
    request.messages[0].parts[0].content.
    """
    settings = load({})
    policy = (
        mask_policy(settings) if fingerprint is None else read_policy(published(fingerprint, destination))
    )
    facts = _Facts(stream, model, route, settings.log.tenant)
    decisions = [decision for field in fields for decision in _decisions(policy, field, facts, entity)]
    if format_ == "json":
        for decision in decisions:
            click.echo(orjson.dumps(asdict(decision)).decode())
        return
    table = Table("field", "findings of", "become", "decided by")
    for one in decisions:
        table.add_row(*map(Text, (one.field, one.entity, one.operator, one.decided_by)))
    Console(markup=False, highlight=False).print(table)


def _decisions(policy: MaskPolicy, field: str, facts: _Facts, entity: str | None) -> list[_Decision]:
    column = field.partition(".")[0].partition("[")[0]
    if column not in BY_NAME:
        known = ", ".join(one.name for one in FIELDS if one.treatment in (Treatment.TEXT, Treatment.JSON))
        raise click.UsageError(f"records have no field {column!r}; texts are in {known}")
    if BY_NAME[column].treatment not in (Treatment.TEXT, Treatment.JSON):
        return [_Decision(field, "all", "keep", "the schema: no text that anybody writes stands here")]
    decisions = [_Decision(field, "credentials", "withhold", "no rule writes credentials")]
    if reason := policy.withheld(field, facts):
        by = "mask.fields: it is not listed" if reason == "not-listed" else _rule(policy, field, None, facts)
        return [*decisions, _Decision(field, "the whole field", "withhold", by)]
    if entity is not None:
        if entity not in policy.entities:
            raise click.UsageError(f"--entity: accepted are {', '.join(sorted(policy.entities))}")
        return [_decision(policy, field, entity, facts)]
    found = [_decision(policy, field, one, facts) for one in sorted(policy.entities - {"TOKEN"})]
    usual, _ = Counter((one.operator, one.decided_by) for one in found).most_common(1)[0]
    decisions += [one for one in found if (one.operator, one.decided_by) != usual]
    return [*decisions, _Decision(field, "everything else", *usual)]


def _decision(policy: MaskPolicy, field: str, entity: str, facts: _Facts) -> _Decision:
    if entity in BY_NAME[field.partition(".")[0].partition("[")[0]].keeps:
        return _Decision(field, entity, "keep", "the schema: this field is there to say it")
    return _Decision(
        field, entity, policy.operator(entity, field, facts), _rule(policy, field, entity, facts)
    )


def _rule(policy: MaskPolicy, field: str, entity: str | None, facts: _Facts) -> str:
    for number, rule in enumerate(policy.rules, 1):
        if rule.entity in (None, entity) and rule.concerns(field, facts):
            return f"mask.rules number {number}: {rule.operator} for {rule.entity or 'every finding'} in {rule.field}"
    return (
        "the default with a key" if policy.operator(entity or "", field, facts) == "hash" else "the default"
    )
