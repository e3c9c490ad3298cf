"""What became of the records, by the fault that was on when they were acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faults.torture.committed import Committed

Said = Mapping[str, Mapping[tuple[str, str], set[str]]]


@dataclass(frozen=True)
class Row:
    """Of one fault and mode: counts of records."""

    fault: str
    mode: str
    acknowledged: int
    found: int
    lost: int
    twice: int


def rows(said: Said, committed: Committed) -> list[Row]:
    """One for each fault and mode, in order."""
    acknowledged = said.get("acknowledged", {})
    return [
        Row(
            fault,
            mode,
            len(ids),
            sum(each in committed.ids for each in ids),
            sum(each not in committed.ids for each in ids),
            sum(committed.ids[each] > 1 for each in ids),
        )
        for (fault, mode), ids in sorted(acknowledged.items())
    ]


def text(store: str, said: Said, committed: Committed) -> str:
    """The report of one store: a table, what holds for all of it, and what is wrong."""
    table = rows(said, committed)
    totals = [sum(getattr(row, name) for row in table) for name in ("acknowledged", "found", "lost", "twice")]
    lines = [
        f"| {store}: fault | mode | acknowledged | found | lost | twice |",
        "|---|---|---:|---:|---:|---:|",
        *(
            f"| {row.fault} | {row.mode} | {row.acknowledged:,} | {row.found:,} | {row.lost} | {row.twice} |"
            for row in table
        ),
        f"| **all** | | {totals[0]:,} | {totals[1]:,} | {totals[2]} | {totals[3]} |",
    ]
    ended = {each for ids in said.get("ended", {}).values() for each in ids}
    acknowledged = {each for ids in said.get("acknowledged", {}).values() for each in ids}
    unacknowledged = ended - acknowledged
    kept = sum(each in committed.ids for each in unacknowledged)
    lines += [
        "",
        f"{committed.records:,} records in {committed.manifests:,} commits, {committed.gaps} of them gap records.",
        f"{len(unacknowledged):,} spans ended and were not acknowledged; {kept:,} of them are found all the same.",
        *(f"PROBLEM {each}" for each in committed.problems),
    ]
    return "\n".join(lines)


def is_good(said: Said, committed: Committed) -> bool:
    """Whether nothing acknowledged is lost, nothing is there twice, and the log is as its format says."""
    return (
        not committed.problems
        and all(count == 1 for count in committed.ids.values())
        and not any(row.lost for row in rows(said, committed))
    )
