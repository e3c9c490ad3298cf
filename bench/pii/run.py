"""How much personal data is found, how much is found that is none, and what it costs: ours beside its peers.

An entity counts as found only when every character of it that is no space is covered. Precision counts what was
found of a type where no label is. All recognisers see the same texts in the same process.

``make bench-pii`` runs it in an environment of its own, with the peers installed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import fresh
import peers
import sets
from peers import Find

GOAL_RECALL, GOAL_RECALL_EACH, GOAL_F2 = 0.95, 0.90, 0.95
GOAL_FALSE_ALARMS = 2.0
GOAL_US = 8.0
RECORD_BYTES = 1300
PER_DISGUISE = 60
"""Texts of a disguise; some recognisers take milliseconds a text."""


def covered(text: str, span: tuple[str, int, int], found: Iterable[tuple[str, int, int]]) -> bool:
    """Whether every character of a labelled value is in something that was found."""
    _, start, end = span
    inside: set[int] = set()
    for _, low, high in found:
        inside.update(range(max(low, start), min(high, end)))
    return all(at in inside or text[at].isspace() for at in range(start, end))


def measure(find: Find, labelled: Sequence[sets.Labelled]) -> dict[str, tuple[int, int, int]]:
    """By type: how many were found, how many there are, how many were found where nothing is."""
    hit, there, wrong = Counter[str](), Counter[str](), Counter[str]()
    for one in labelled:
        found = find(one.text)
        for span in one.spans:
            there[span[0]] += 1
            hit[span[0]] += covered(one.text, span, found)
        known = [(low, high) for _, low, high in one.spans] + list(one.others)
        for kind, low, high in found:
            if kind in sets.KINDS.values() and not any(low < end and start < high for start, end in known):
                wrong[kind] += 1
    return {kind: (hit[kind], there[kind], wrong[kind]) for kind in sorted(there)}


def shown(result: dict[str, tuple[int, int, int]]) -> str:
    """Recall by type, and recall, precision and F2 of all."""
    hit, there, wrong = (sum(row[place] for row in result.values()) for place in range(3))
    recall = hit / there
    precision = hit / (hit + wrong) if hit + wrong else 0.0
    f2 = 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
    each = "  ".join(f"{kind} {found / total:.2f}" for kind, (found, total, _) in result.items())
    return f"recall {recall:.3f}  precision {precision:.3f}  F2 {f2:.3f}  |  {each}"


def cpu_us(find: Callable[[str], object], texts: Sequence[str], budget_s: float = 3.0) -> float:
    """Microseconds of CPU a text, over as many texts as the budget allows, after one that is not counted."""
    find(texts[0])
    done, before = 0, time.process_time()
    while done < len(texts) and time.process_time() - before < budget_s:
        find(texts[done])
        done += 1
    return (time.process_time() - before) / done * 1e6


def records(texts: Sequence[str]) -> list[str]:
    """Texts of about 1.3 KB, as messages of a conversation are."""
    made, current = [], ""
    for text in texts:
        current += text + " "
        if len(current) >= RECORD_BYTES:
            made.append(current)
            current = ""
    return made


def path_us(texts: Sequence[str], rounds: int = 5) -> float:
    """Microseconds of CPU a record in the masking stage of the write path, which sees a batch at a time, beyond
    what it takes without recognisers."""
    import json

    import pyarrow as pa

    from otel_audit.mask.judge import Judge
    from otel_audit.mask.masker import Masker
    from otel_audit.mask.policy import MaskPolicy
    from otel_audit.record.batch import UnmaskedBatch
    from otel_audit.record.schema import SCHEMA

    def row(text: str) -> dict[str, object]:
        message = {"messages": [{"role": "user", "parts": [{"type": "text", "content": text}]}]}
        return {"recordId": "9d0c6c1e-6b0f-8a35-9a5e-2f3b7a1c4e90", "schemaVersion": "1", "stream": "model-io",
                "eventName": "gen_ai.chat", "timestamp": 0, "timeUnixNano": 0, "observedTimestamp": 0,
                "observedTimeUnixNano": 0, "tenant": "default", "action": "EXECUTE", "outcome": "success",
                "request": json.dumps(message, ensure_ascii=False)}  # fmt: skip

    batch = UnmaskedBatch(pa.RecordBatch.from_pylist([row(text) for text in texts], schema=SCHEMA))
    empty = UnmaskedBatch(pa.RecordBatch.from_pylist([row("") for _ in texts], schema=SCHEMA))
    with_all, without = Masker(MaskPolicy()), Masker(MaskPolicy(), judge=Judge((), encoded=False))
    differences = []
    for _ in range(rounds):
        at = time.process_time()
        with_all.mask(batch)
        between = time.process_time()
        without.mask(empty)
        differences.append((2 * between - at - time.process_time()) / len(texts) * 1e6)
    return statistics.median(differences)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the fresh values")
    parser.add_argument("--only", choices=list(peers.PEERS), help="one recogniser")
    arguments = parser.parse_args()
    chosen = arguments.only
    finders = {name: make() for name, make in peers.PEERS.items() if chosen in (None, name)}
    plain, decoys = sets.sentences(), sets.decoys()
    by_disguise: dict[str, list[sets.Labelled]] = {}
    for name, one in sets.harder():
        by_disguise.setdefault(name, []).append(one)
    by_disguise = {name: some[:: max(1, len(some) // PER_DISGUISE)] for name, some in by_disguise.items()}
    texts = [one.text for one in plain]

    print(f"\n{len(plain)} sentences, {sum(len(one.spans) for one in plain)} values")
    for name, find in finders.items():
        print(f"  {name:18} {shown(measure(find, plain))}")
    print(f"  to reach: recall {GOAL_RECALL} in all, {GOAL_RECALL_EACH} of each, F2 {GOAL_F2}")

    others = list(fresh.fresh(arguments.seed))
    print(f"\n{len(others)} of these sentences with fresh values (--seed {arguments.seed})")
    for name, find in finders.items():
        print(f"  {name:18} {shown(measure(find, others))}")

    print(f"\nharder: {sum(map(len, by_disguise.values()))} texts; recall by how the value is written")
    print("  " + " " * 22 + "".join(f"{name:>19}" for name in finders))
    for disguise, labelled in by_disguise.items():
        recalls = []
        for find in finders.values():
            result = measure(find, labelled)
            recalls.append(sum(row[0] for row in result.values()) / sum(row[1] for row in result.values()))
        print(f"  {disguise:22}" + "".join(f"{recall:19.3f}" for recall in recalls))

    print(f"\n{len(decoys)} decoys; false alarms a thousand (to reach: {GOAL_FALSE_ALARMS})")
    for name, find in finders.items():
        alarmed = [text for text in decoys if find(text)]
        examples = ", ".join(repr(text) for text in alarmed[:2])
        print(f"  {name:18} {len(alarmed) / len(decoys) * 1000:8.1f}   {examples}")

    print("\nCPU, microseconds")
    long = records(texts)
    without = [one.text for one in plain if not one.spans]
    quiet, prose = records(without), records([text for text in without if not any(map(str.isdigit, text))])
    for name, find in finders.items():
        print(
            f"  {name:18} {cpu_us(find, texts):9.1f} a sentence   {cpu_us(find, long):9.1f} a text of {RECORD_BYTES} B"
        )
    if chosen in (None, "otel-audit"):
        print(f"  in the write path, a record of {RECORD_BYTES} B (to reach: {GOAL_US}):")
        each = sum(len(one.spans) for one in plain) / len(long)
        print(f"    {path_us(prose * 16):6.1f} of prose without a digit")
        print(f"    {path_us(quiet * 8):6.1f} without a value of these types")
        print(f"    {path_us(long * 4):6.1f} with {each:.1f} values each")


if __name__ == "__main__":
    main()
