"""What a slot still owes one destination.

The steps, each of which can be taken up again after a crash (``docs/format.md`` numbers them):

1. :meth:`Outbox.drafts` offers sealed segments; the caller encodes them into :meth:`Draft.create_file`.
2. :meth:`Draft.plan` makes the files durable, then the plan. From here on nothing is encoded again, and the
   segment goes as soon as all its destinations have come so far.
3. :meth:`Outbox.commits` offers planned commits; the caller creates their files at the destination.
4. :meth:`Commit.write_manifest` makes the manifest's bytes durable; the caller creates it at the destination,
   after the manifest before it. **This is the commit.**
5. :meth:`Commit.done` notes it and frees the outbox.

One thread may draft while another carries out commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.record.schema import SCHEMA_MINOR_VERSION
from otel_audit.spool.chain import Chain
from otel_audit.spool.commit import Commit
from otel_audit.spool.draft import Draft
from otel_audit.spool.explain import explain
from otel_audit.spool.plan import Kind, Loss, Plan, PlannedFile
from otel_audit.spool.premises import OUTBOX, Premises
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.trouble import Trouble
from otel_audit.spool.writer_state import WriterState, is_writer

__all__ = ["Backlog", "Outbox"]

LOSS_CORRUPTION: Final = "spool-corruption"
"""Cause of a loss: frames that were durable once cannot be read back."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one destination.

    Attributes:
        segments: sealed segments without a plan.
        commits: plans whose commit is not done.
    """

    segments: int
    commits: int


class Outbox:
    """Everything owed to one destination; see :meth:`otel_audit.spool.slot.Slot.outbox`.

    Attributes:
        destination: its id.
        states: writers of the slot.
        chains: chains of commits by writer.
    """

    def __init__(
        self,
        premises: Premises,
        destination: str,
        *,
        states: list[WriterState],
        release: Callable[[WriterState, SealedSegment], None],
        retire: Callable[[WriterState], None],
    ) -> None:
        self._premises, self.files = premises, premises.files
        self.destination = destination
        self._folder = premises.path / OUTBOX / destination
        self._trouble = Trouble(premises.files, self._folder, premises.clock_unix_nano)
        self.states = states
        self.release, self._retire = release, retire
        self.chains: dict[str, Chain] = {}

    def load(self) -> None:
        """Take up what is on disk.

        Raises:
            OSError: it cannot be read.
            SpoolCorrupt: it contradicts itself.
        """
        for name in filter(is_writer, self.files.names(self._folder)):
            chain = Chain(self._premises, self.destination, name)
            chain.load()
            self.chains[name] = chain

    def drafts(self) -> Iterator[Draft]:
        """What can be encoded now: oldest writer first, each writer's records in order.

        Plan each draft before asking for the next; if one is left, the rest of its writer waits for the next
        call. Gaps and closes are planned on the way.

        Raises:
            SpoolError: the disk refused; what was planned stays planned.
        """
        for state in tuple(self.states):
            if self.destination in state.destinations:
                yield from self._drafts_of(state)

    def commits(self) -> Iterator[Commit]:
        """Planned commits that are not done: oldest writer first, each writer's in order.

        If one is left undone, the rest of its writer waits for the next call.
        """
        for chain in self.chains_in_order():
            for commit in tuple(chain.pending):
                yield commit
                if not commit.is_done:
                    break

    @property
    def has_commits(self) -> bool:
        """Whether a planned commit is not done."""
        return any(chain.pending for chain in tuple(self.chains.values()))

    def note_trouble(self, cause: str | None) -> None:
        """Keep beside what waits why it does; None once it does not. See :mod:`otel_audit.spool.inventory`.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        with explain("note why records wait"):
            self._trouble.note(cause)

    def backlog(self) -> Backlog:
        """What waits for this destination, in sealed segments and planned commits."""
        segments = sum(
            segment.last_sequence > self.planned_sequence(state)
            for state in tuple(self.states)
            if self.destination in state.destinations
            for segment in tuple(state.segments)
        )
        return Backlog(segments, sum(len(chain.pending) for chain in tuple(self.chains.values())))

    def planned_sequence(self, state: WriterState) -> int:
        """Last sequence of a writer that has a plan here; 0 before the first."""
        chain = self.chains.get(str(state.name))
        return 0 if chain is None else chain.planned_sequence

    def committed_sequence(self, writer: str) -> int | None:
        """Last sequence of a writer that is at the destination; None of a writer that is not in the slot any more,
        all of whose records are."""
        chain = self.chains.get(writer)
        if chain is None:
            is_here = any(str(state.name) == writer for state in tuple(self.states))
            return 0 if is_here else None
        pending = tuple(chain.pending)
        return pending[0].plan.first_sequence - 1 if pending else chain.planned_sequence

    def has_closed(self, state: WriterState) -> bool:
        """Whether a writer's last commit is done here."""
        chain = self.chains.get(str(state.name))
        return chain is not None and chain.is_closed

    def forget(self, writer: str) -> None:
        """Remove a chain in which nothing is pending and whose writer is gone."""
        self.chains.pop(writer, None)
        self.files.remove_tree(self._folder / writer)

    def plan(
        self,
        chain: Chain,
        state: WriterState,
        folder: Path,
        *,
        kind: Kind,
        last_sequence: int,
        records_root: str | None = None,
        masking_policy: str | None = None,
        schema_version: str = SCHEMA_MINOR_VERSION,
        files: Sequence[PlannedFile] = (),
        losses: Sequence[Loss] = (),
        closes: bool = False,
    ) -> Commit:
        """Plan the next commit of a chain: durable on return."""
        plan = Plan(
            kind=kind,
            writer=str(state.name),
            stream=state.stream,
            commit=chain.planned_commit + 1,
            first_sequence=chain.planned_sequence + 1,
            last_sequence=last_sequence,
            records_root=records_root,
            schema_version=schema_version,
            masking_policy=masking_policy,
            files=tuple(files),
            losses=tuple(losses),
            opens=dict(state.opens) if chain.planned_commit == 0 else None,
            closes=closes,
        )
        return chain.plan(folder, plan)

    def _drafts_of(self, state: WriterState) -> Iterator[Draft]:
        # Read before the segments: a writer is closed after its last segment is sealed.
        closed_at = state.closed_at
        segments = tuple(state.segments)
        chain = self._chain(state)
        if state.is_retired:
            # Another thread was faster; a chain made anew would begin again with commit 1.
            self.chains.pop(chain.writer, None)
            return
        for segment in segments:
            for run in segment.runs(after=chain.planned_sequence):
                self._plan_gap(chain, state, run.first_sequence - 1)
                draft = Draft(self, chain, state=state, segment=segment, run=run)
                yield draft
                if not draft.is_planned:
                    return
            self._plan_gap(chain, state, segment.last_sequence)
            self.release(state, segment)
        if closed_at is None:
            return
        if closed_at == 0 or chain.is_closed:
            self._retire(state)
        elif state.is_cloned:
            # Who goes on with the chain closes it.
            self._plan_gap(chain, state, closed_at)
            if not chain.pending:
                with explain("leave a chain"):
                    chain.abandon()
        elif not chain.is_closing:
            self._plan_gap(chain, state, closed_at)
            with explain("plan the close of a writer"):
                folder = chain.make_folder()
            self.plan(chain, state, folder, kind="heartbeat", last_sequence=closed_at, closes=True)

    def _plan_gap(self, chain: Chain, state: WriterState, last_sequence: int) -> None:
        """Say of the sequences up to ``last_sequence`` that have no plan yet that they are lost."""
        count = last_sequence - chain.planned_sequence
        if count <= 0:
            return
        loss = Loss(LOSS_CORRUPTION, count, state.opened_at_unix_nano, self._premises.clock_unix_nano())
        with explain("plan a gap"):
            folder = chain.make_folder()
        self.plan(chain, state, folder, kind="gap", last_sequence=last_sequence, losses=[loss])

    def _chain(self, state: WriterState) -> Chain:
        writer = str(state.name)
        if writer not in self.chains:
            self.chains[writer] = Chain(self._premises, self.destination, writer)
        return self.chains[writer]

    def chains_in_order(self) -> list[Chain]:
        """Chains by the age of their writers, oldest first."""
        opened = {str(state.name): state.opened_at_unix_nano for state in tuple(self.states)}
        chains = tuple(self.chains.items())
        return [chain for writer, chain in sorted(chains, key=lambda item: (opened.get(item[0], 0), item[0]))]
