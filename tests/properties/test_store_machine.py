"""Any order of taking, tagging, loading, collecting, sharing, erasing and crashing.

Nothing that should be readable is lost; nothing that should be gone is readable. A model holds
for each version the rows that it must have; its words stand in no other dataset, so that each
byte of the store can be asked whether it still knows somebody.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import zstandard
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from mlops_jupyter.config import DataSettings, Keep
from mlops_jupyter.data import tags, versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.store.objects import Objects
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.erase import erase
from mlops_jupyter.upkeep.verify import verify
from tests.same_frame import assert_same

Row = tuple[int, int]
"""The number of a row, and the person whom it is about."""

Rows = tuple[Row, ...]

NAMES = st.sampled_from(["train", "test"])
PERSONS = st.integers(0, 4)
ROWS = st.lists(st.tuples(st.integers(0, 30), PERSONS), max_size=8, unique_by=lambda row: row[0])
SETTINGS = "mlflow: {tracking_uri: 'http://localhost:9'}\n"
KEEP = 3
MEMORY = "/dev/shm"


class KilledError(BaseException):
    """What a process that is killed does: nothing more."""


class Fuse(Objects):
    """Objects of a process that is killed at a write, or when it wants to be alone."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self.left = writes

    def add(self, content: bytes | memoryview) -> tuple[str, int]:
        self.burn()
        return super().add(content)

    def alone(self) -> Any:
        self.burn()
        return super().alone()

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError


def word(name: str, person: int) -> str:
    """Return what only the rows of a person in a dataset say."""
    return f"<{name} knows person number {person}>"


def frame(name: str, rows: Iterable[Row]) -> pd.DataFrame:
    """Return a frame of rows; without some of them it is the frame of the others."""
    chosen = list(rows)
    return pd.DataFrame(
        {
            "person": pd.array([person for _, person in chosen], "Int64"),
            "word": pd.Series([word(name, person) for _, person in chosen], dtype=object),
        }
    ).set_axis(pd.Index([number for number, _ in chosen], dtype="int64", name="row"))


class Store(RuleBasedStateMachine):
    """A project, its shared store, and a colleague who pulls."""

    def __init__(self) -> None:
        super().__init__()
        # a disk is waited for at each object: memory will do
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None)
        self.root = Path(self.folder.name)
        self.mine, self.theirs = (self.made(who) for who in ("mine", "theirs"))
        self.there: dict[tuple[str, int], Rows] = {}
        self.gone: dict[tuple[str, int], Rows] = {}
        self.tags: dict[tuple[str, str], int] = {}
        self.erased: set[tuple[str, int]] = set()
        self.banned: set[tuple[str, Rows]] = set()
        self.shared: set[tuple[str, Rows]] = set()

    def made(self, who: str) -> Project:
        root = self.root / who
        root.mkdir()
        (root / "mlops.yaml").write_text(SETTINGS)
        init(root)
        project = open_project(root)
        kept = replace(project.settings, data=DataSettings({"default": Keep(versions=KEEP)}))
        return replace(project, settings=kept)

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize(name=NAMES, rows=ROWS)
    def first(self, name: str, rows: list[Row]) -> None:
        self.take(name, rows)

    # --- what people do --------------------------------------------------------------------------

    @rule(name=NAMES, rows=ROWS)
    def take(self, name: str, rows: list[Row]) -> None:
        content = tuple(rows)
        known = {key for key in self.there | self.gone if (self.there | self.gone)[key] == content}
        try:
            version = snapshot(self.mine, frame(name, rows), name)
        except UsageError as error:
            assert "had to be erased" in error.message  # noqa: PT017
            assert (name, content) in self.banned
            return
        key = name, version.number
        assert (name, content) not in self.banned or key in self.there
        assert not any(k[0] == name for k in known) or key in known
        self.gone.pop(key, None)
        self.there[key] = content
        self.erased -= {(name, person) for _, person in rows}

    @rule(data=st.data(), rows=ROWS)
    def change(self, data: st.DataObject, rows: list[Row]) -> None:
        """Take a version again, some rows changed: it is kept as a difference."""
        if not self.there:
            return
        name, number = data.draw(st.sampled_from(sorted(self.there)))
        merged = dict(self.there[name, number]) | dict(rows)
        self.take(name, sorted(merged.items()))

    @rule(data=st.data(), tag=st.sampled_from(["golden", "old"]))
    def tag(self, data: st.DataObject, tag: str) -> None:
        if not self.there:
            return
        name, number = data.draw(st.sampled_from(sorted(self.there)))
        version = tags.tag(self.mine, f"{name}@{number}", tag, move=True)
        self.tags[name, tag] = version.number

    @rule(data=st.data())
    def untag(self, data: st.DataObject) -> None:
        if self.tags:
            name, tag = data.draw(st.sampled_from(sorted(self.tags)))
            tags.untag(self.mine, f"{name}@{tag}")
            del self.tags[name, tag]

    @rule()
    def collect(self) -> None:
        self.went(gc.collect(self.mine, gc.plan(self.mine)).versions)
        assert gc.plan(self.mine).total.count == 0

    def went(self, refs: Iterable[str]) -> None:
        for ref in refs:
            name, _, number = ref.partition("@")
            key = name, int(number)
            same = {k for k in self.there if k[0] == name}
            assert key[1] not in {n for (d, _), n in self.tags.items() if d == name}
            assert len([k for k in same if k[1] > key[1]]) >= KEEP
            self.gone[key] = self.there.pop(key)

    @rule(name=NAMES, person=PERSONS)
    def erase(self, name: str, person: int) -> None:
        if not any(key[0] == name for key in self.there):
            return
        made = erase(self.mine, name, f"person = {person}", "for law", actor="Ada")
        hit = {v.ref for v in made.versions}
        for key, rows in list(self.there.items()):
            left = tuple(row for row in rows if row[1] != person)
            if key[0] == name and left != rows:
                self.there[key] = left
                self.banned.add((name, rows))
                self.shared.discard((name, rows))
        self.erased.add((name, person))
        # what retention gave up comes back where a version has become the same
        for ref in versions.dataset(self.mine, name).versions:
            key = name, ref.number
            if key in self.gone and ref.gone_at is None:
                self.there[key] = self.gone.pop(key)
        standing = {versions.resolve(self.mine, ref).number for ref in hit}
        assert standing <= {number for dataset, number in self.there if dataset == name}

    # --- sharing ---------------------------------------------------------------------------------

    @rule()
    def share(self) -> None:
        url = str(self.root / "shared")
        with suppress(UsageError):  # there is no shared store yet
            self.renumbered(pull(self.mine, url).renumbered)
        push(self.mine, url)
        self.shared |= {(name, rows) for (name, _), rows in self.there.items()}

    def renumbered(self, moved: Iterable[tuple[str, str]]) -> None:
        """Another version has these numbers in the shared store."""
        numbers = {}
        for old, new in moved:
            name, _, number = old.partition("@")
            numbers[name, int(number)] = int(new.partition("@")[2])
        for states in (self.there, self.gone):
            for name, number in sorted(numbers):
                if (name, number) in states:
                    states[name, -numbers[name, number]] = states.pop((name, number))
            for name, number in [key for key in states if key[1] < 0]:
                states[name, -number] = states.pop((name, number))
        for key, number in list(self.tags.items()):
            self.tags[key] = numbers.get((key[0], number), number)

    @precondition(lambda self: self.shared)
    @rule()
    def colleague_pulls(self) -> None:
        pull(self.theirs, str(self.root / "shared"))
        assert verify(self.theirs, deep=True).is_clean
        have = set()
        for dataset in versions.datasets(self.theirs):
            for version in dataset.versions:
                if version.gone_at is None:
                    value = versions.load(self.theirs, version.ref)
                    rows = zip(value.index.tolist(), value["person"].tolist(), strict=True)
                    have.add((dataset.name, tuple(rows)))
        assert have >= self.shared - self.banned

    # --- crashes ---------------------------------------------------------------------------------

    @rule(name=NAMES, rows=ROWS, writes=st.integers(0, 4))
    def killed_while_taking(self, name: str, rows: list[Row], writes: int) -> None:
        before = {v.ref for d in versions.datasets(self.mine) for v in d.versions}
        self.erased -= {(name, one) for _, one in rows}  # it may have written them
        with suppress(KilledError, UsageError):
            snapshot(self.fused(writes), frame(name, rows), name)
        now = {v.ref for d in versions.datasets(self.mine) for v in d.versions}
        if now != before or self.came_back():  # it was done before the fuse burnt
            self.take(name, rows)

    def came_back(self) -> bool:
        return any(
            versions.resolve(self.mine, f"{name}@{number}").gone_at is None
            for name, number in self.gone
        )

    @rule(times=st.integers(0, 2))
    def killed_while_collecting(self, times: int) -> None:
        with suppress(KilledError):
            gc.collect(self.fused(times), gc.plan(self.mine))
        listed = {v.ref: v for d in versions.datasets(self.mine) for v in d.versions}
        self.went(
            [
                f"{name}@{number}"
                for name, number in sorted(self.there, reverse=True)
                if listed[f"{name}@{number}"].gone_at is not None
                and versions.resolve(self.mine, f"{name}@{number}").gone_at is not None
            ][::-1]
        )

    @rule(name=NAMES, person=PERSONS, writes=st.integers(0, 12))
    def killed_while_erasing(self, name: str, person: int, writes: int) -> None:
        if any(key[0] == name for key in self.there):
            with suppress(KilledError):
                erase(self.fused(writes), name, f"person = {person}", "for law", actor="Ada")
            self.erase(name, person)

    def fused(self, writes: int) -> Project:
        return replace(self.mine, objects=Fuse(self.mine.objects.root, writes))

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def what_should_be_readable_is(self) -> None:
        for (name, number), rows in self.there.items():
            assert_same(versions.load(self.mine, f"{name}@{number}"), frame(name, rows))
        for (name, tag), number in self.tags.items():
            found = versions.load(self.mine, f"{name}@{tag}")
            assert_same(found, frame(name, self.there[name, number]))

    @invariant()
    def what_should_be_gone_is_not_readable(self) -> None:
        for name, number in self.gone:
            try:
                versions.load(self.mine, f"{name}@{number}")
            except UsageError as error:
                assert "given up" in error.message  # noqa: PT017
            else:
                raise AssertionError(f"{name}@{number} should be gone")
        words = [word(name, person).encode() for name, person in self.erased]
        for path in self.mine.objects.root.rglob("*") if words else ():
            if path.is_file():
                content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
                assert not any(one in content for one in words)

    @invariant()
    def nothing_is_damaged(self) -> None:
        assert verify(self.mine).is_clean


Store.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_the_store = Store.TestCase
