"""The steps of a pipeline run: each is taken as it was before, or run and kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from mlops_jupyter.errors import IntegrityError, MlopsError, UsageError
from mlops_jupyter.pipelines import cache, checkpoint, clash, entry, reads, record
from mlops_jupyter.pipelines.cache import Found, Place
from mlops_jupyter.pipelines.entry import Entry, RunRows
from mlops_jupyter.pipelines.execute import Progress, Request, StepProgress
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.key import Key, Keys
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.step import Kernels

AUDIT_ONE_IN = 50
"""Of so many steps that are known one is run all the same, and compared."""


class Elsewhere(Protocol):
    """Runs steps on other machines."""

    def stays(self, position: int, key: Key) -> str:
        """Say why a step has to be run here; empty: it has not."""

    def run(self, position: int, key: Key) -> tuple[Entry, str]:
        """Run a step; return what it gave, which is here by then, and where it was run."""

    def cancel(self) -> None:
        """Let the steps that run fail at once."""


@dataclass
class Steps:
    """The steps of one run."""

    project: Project
    request: Request
    graph: Graph
    opened: record.Opened
    keys: Keys
    files: list[str]
    progress: Progress
    kernels: Kernels
    taken: dict[int, Entry] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    mending: threading.RLock = field(default_factory=threading.RLock)

    def settle(self, position: int) -> None:
        """Take a step as it was before, or run it."""
        key = self._key(position)
        found = self._found(position, key)
        if found.entry is not None and self._take(position, found.entry, found.why[0]):
            return
        if self._mend(position):
            self.settle(position)
            return
        self._run(position, key, found)

    def kill(self) -> None:
        """Let the steps that run fail at once."""
        self.kernels.kill()
        if self.elsewhere is not None:
            self.elsewhere.cancel()

    def _key(self, position: int) -> Key:
        node = self.graph.nodes[position]
        passed = {
            before: record.passed(self.project, self.opened.steps[before])[1]
            for before in node.before
        }
        return self.keys.of(position).with_values(node, passed)

    def _mend(self, position: int) -> bool:
        """Run those before it again that were not run, and gave what cannot be read any more."""
        with self.mending:
            damaged = [at for at in self.graph.nodes[position].before if self._is_damaged(at)]
            for before in damaged:
                self.settle(before)
        return bool(damaged)

    def _found(self, position: int, key: Key) -> Found:
        """Look a step up; what must be run in any case is found without an entry."""
        choice = self.request.choice
        forced = choice.forced(position, self.graph)
        if forced:
            return Found(None, (forced,))
        step = self.graph.nodes[position].step
        if step.name in choice.known:
            return Found(
                entry.get(self.project, choice.known[step.name]), ("it was run elsewhere",)
            )
        place = Place(self.graph.pipeline.name, step.name, step.passes)
        found = cache.look_up(self.project, place, key)
        if found.entry is None and choice.only is not None:
            raise UsageError(
                f"the step {step.name} before {choice.only} would have to be run:"
                f" {', '.join(found.why)}",
                hint="run the pipeline without `--only` first",
            )
        return found

    def _take(self, position: int, known: Entry, why: str) -> bool:
        """Take what a step gave before, unless it is to be compared or is damaged."""
        if self._audits(known):
            return False
        file = Path(self.files[position])
        try:
            entry.give(self.project, known, self.opened, position, file, why)
        except IntegrityError:
            entry.spoil(self.project, known)
            return False
        self.taken[position] = known
        step = self.graph.nodes[position].step
        steps, cells = len(self.graph.nodes), len(step.cells)
        self.progress(StepProgress(step.name, position + 1, steps, cells, cells, "cached"))
        return True

    def _audits(self, known: Entry) -> bool:
        audit = self.request.choice.audit
        if audit is not None:
            return audit
        return (entry.times_taken(self.project, known) + 1) % AUDIT_ONE_IN == 0

    def _is_damaged(self, position: int) -> bool:
        """Return whether a step that was not run gave something that cannot be read any more."""
        known = self.taken.pop(position, None)
        if known is None or known.passes is None:
            return False
        try:
            self.project.objects.read(known.passes)
        except IntegrityError:
            entry.spoil(self.project, known)
            return True
        return False

    def _run(self, position: int, key: Key, found: Found) -> None:
        if self.elsewhere is not None:
            stays = self.elsewhere.stays(position, key)
            if not stays:
                self._run_elsewhere(self.elsewhere, position, key, found)
                return
            is_said = any(stays in why for why in found.why)
            found = Found(found.entry, (*found.why, "so here" if is_said else f"here: {stays}"))
        self._run_here(position, key, found)

    def _run_elsewhere(self, elsewhere: Elsewhere, position: int, key: Key, found: Found) -> None:
        step_run_id = record.begin_step(self.project, self.opened, position, ", ".join(found.why))
        step = self.graph.nodes[position].step
        place = StepProgress(step.name, position + 1, len(self.graph.nodes), 0, len(step.cells))
        self.progress(place)
        try:
            known, where = elsewhere.run(position, key)
            why = f"{', '.join(found.why)}; on {where}"
            file = Path(self.files[position])
            entry.give(self.project, known, self.opened, position, file, why, "finished")
        except MlopsError as error:
            status: record.End = "interrupted" if self.kernels.are_killed else "failed"
            record.end_step(self.project, step_run_id, status, error.message)
            raise
        self.taken[position] = known
        self.progress(replace(place, cell=len(step.cells), status="finished"))

    def _run_here(self, position: int, key: Key, found: Found) -> None:
        self.kernels.start(position)
        # while the kernel starts
        from mlops_jupyter.pipelines.step import Step

        why = ", ".join(found.why) if found.entry is None else "audit: it is known, and compared"
        rows = RunRows(self.project, self.opened.runs[position])
        choice = self.request.choice
        is_fresh = choice.force or not choice.cache
        checkpoint_key = self._checkpoint_key(position, key)
        step_run_id = self.opened.steps[position]
        checkpoint.begin(self.project, step_run_id, checkpoint_key, fresh=is_fresh)
        Step(
            self.project, self.request, self.graph, self.opened, position, self.files[position],
            self.progress, self.kernels, why=why,
            finish=lambda: self._keep(position, key, rows, found.entry),
            limits=self.request.limits.of(
                self.project.settings.pipelines.get(self.graph.pipeline.name),
                self.graph.nodes[position].step.name,
            ),
        ).run()  # fmt: skip

    def _keep(self, position: int, key: Key, rows: RunRows, known: Entry | None) -> None:
        """End a step that was run, and keep what it gave; that it cannot be kept is no failure."""
        step_run_id = self.opened.steps[position]
        executions = rows.executions()
        found = clash.clashes(self.project, executions)
        if found:
            record.note(self.project, step_run_id, clash.words(found))
        if not self.request.choice.cache:
            checkpoint.end(self.project, self._checkpoint_key(position, key))
            return
        step = self.graph.nodes[position].step
        name = self.graph.pipeline.name
        declared = self.project.settings.pipelines.get(name)
        ages = declared.max_age if declared is not None else {}
        try:
            records = rows.added(self._words(position), executions, step.passes)
            if known is not None:
                self._compare(step_run_id, known, records)
            seen = reads.seen(
                self.project,
                step_run_id,
                executions,
                {part.name for part in key.parts if part.kind == "module"},
            )
            if found:
                seen = msgspec.structs.replace(seen, why_not=clash.words(found), is_outside=False)
            entry.make(
                self.project,
                pipeline=name,
                step=step.name,
                step_run_id=step_run_id,
                key=key,
                seen=seen,
                records=records,
                executed=Path(self.files[position]),
                counts=step.name in ages,
                whole=self.opened.whole(position),
            )
            checkpoint.end(self.project, self._checkpoint_key(position, key))
        except (MlopsError, OSError) as error:
            reason = error.message if isinstance(error, MlopsError) else str(error)
            record.note(self.project, step_run_id, f"could not be kept: {reason}")

    def _checkpoint_key(self, position: int, key: Key) -> str:
        """Return the key of the folders that survive a kill: other steps may do the same."""
        step = self.graph.nodes[position].step.name
        return digest_of(f"{self.graph.pipeline.name}\0{step}\0{key.digest}".encode())

    def _compare(self, step_run_id: str, known: Entry, records: entry.Records) -> None:
        _, digest = record.passed(self.project, step_run_id)
        found = entry.differences(known, digest, records)
        if not found:
            record.note(self.project, step_run_id, "audit: the same again")
            return
        said = f"audit: run again it gave something else: {'; '.join(found)}"
        entry.mark(self.project, known.id, said)
        record.note(self.project, step_run_id, said)

    def _words(self, position: int) -> frozenset[str]:
        node = self.graph.nodes[position]
        cells = (*node.cut.source.setup, *node.source.code)
        found = [cell.analysis.mentions for cell in cells]
        return frozenset().union(*(m.words | m.texts.keys() for m in found))
