"""What is said of a notebook's state, and that `reproducible` is never said in error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mlops_jupyter.runs.notebook import NotebookCell
from mlops_jupyter.runs.state import state_of
from tests.example_count import examples
from tests.runs.bench_of_cells import Bench, run_cell, values

CHAIN = ("a = 1", "b = a + 1", "c = b * 2")


class TestReproducible:
    def test_executed_once_from_the_top(self) -> None:
        bench = Bench(*CHAIN).execute("abc")
        assert bench.said("c") == "reproducible: stands on cells 1 and 2"
        assert bench.state().verdict == "reproducible"
        assert bench.state().why == "running all cells gives the same"

    def test_comments_and_formatting_are_no_edit(self) -> None:
        bench = Bench(*CHAIN).execute("abc").edit("a", "a   =   1  # the first")
        assert bench.state().verdict == "reproducible"

    def test_an_edit_that_was_taken_back_is_none(self) -> None:
        bench = Bench(*CHAIN).execute("abc").edit("a", "a = 5").edit("a", "a = 1")
        assert bench.state().verdict == "reproducible"

    def test_executed_again_with_the_same_outcome(self) -> None:
        assert Bench(*CHAIN).execute("abc a b a").state().verdict == "reproducible"

    def test_edited_and_all_executed_again(self) -> None:
        bench = Bench(*CHAIN).execute("abc").edit("a", "a = 5").execute("abc")
        assert bench.state().verdict == "reproducible"

    def test_a_list_made_anew_before_each_append(self) -> None:
        bench = Bench("found = []", "found.append(1)", "n = len(found)").execute("ab ab c")
        assert bench.state().verdict == "reproducible"

    def test_changing_in_place_twice_to_the_same(self) -> None:
        bench = Bench("row = {}", "row['x'] = 2", "x = row['x']").execute("abb c")
        assert bench.state().verdict == "reproducible"

    def test_imports_and_options_executed_again(self) -> None:
        setup = "import warnings\nwarnings.filterwarnings('ignore', 'none such')"
        assert Bench(setup, "import os", "p = os.sep").execute("abc ba").state().verdict == (
            "reproducible"
        )

    def test_an_import_that_another_cell_makes_too(self) -> None:
        bench = Bench("import os", "import os", "p = os.sep").execute("abc").delete("b")
        assert bench.said("c") == "reproducible: stands on no other cell"

    def test_loops_over_the_same_name_do_not_stand_on_each_other(self) -> None:
        bench = Bench("for i in range(2):\n    x = i", "for i in range(3):\n    y = i")
        assert bench.execute("aba").state().verdict == "reproducible"

    def test_experiments_between_that_nothing_stands_on(self) -> None:
        bench = Bench("a = 1", "print(a)", "b = a").execute("abc").delete("b")
        assert bench.state().verdict == "reproducible"

    def test_empty_cells_and_comments_count_but_need_not_be_executed(self) -> None:
        bench = Bench("", "# only words", "a = 1", "%mlops status").execute("c")
        assert [s.why for s in bench.state().cells[:2]] == ["nothing to execute"] * 2
        assert bench.of("c").number == 3
        assert bench.state().verdict == "reproducible"

    def test_a_cell_that_does_not_matter_was_left_out(self) -> None:
        bench = Bench("a = 1", "x = 3", "b = a + 1").execute("ac")
        assert bench.said("c") == "reproducible: stands on cell 1"
        assert bench.said("b") == "unknown: not executed in this session"
        assert bench.state().verdict == "unknown"

    def test_moved_where_the_order_stays_right(self) -> None:
        bench = Bench("a = 1", "x = 2", "b = a").execute("abc").move("b", 2)
        assert bench.state().verdict == "reproducible"


class TestStale:
    def test_edited_and_what_stands_on_it(self) -> None:
        bench = Bench(*CHAIN).execute("abc").edit("a", "a = 5")
        assert bench.said("a") == "stale: edited after it was executed"
        assert bench.said("c") == "stale: cell 1, on which it stands, was edited"
        assert bench.state().why == "cell 1: edited after it was executed; and 2 more"

    def test_edited_and_executed_but_not_what_stands_on_it(self) -> None:
        bench = Bench(*CHAIN).execute("abc").edit("a", "a = 5").execute("a")
        assert bench.said("a") == "reproducible: stands on no other cell"
        assert bench.said("b") == "stale: cell 1 was edited and executed again since"

    def test_split(self) -> None:
        bench = Bench("a = 1\nb = 2", "c = a + b").execute("ab").edit("a", "a = 1")
        bench.add("b = 2", at=1)
        assert bench.said("b") == "stale: cell 1, on which it stands, was edited"
        assert bench.said("c") == "unknown: not executed in this session"

    def test_what_it_stands_on_counts_up_later(self) -> None:
        bench = Bench("a = 1", "a += 1", "b = a").execute("abc b")
        assert bench.said("c") == "stale: cell 2 was executed again since"

    def test_edited_after_a_run(self) -> None:
        bench = Bench("depth = 4").execute("a", run="boosting (3f2a1b0c)").edit("a", "depth = 5")
        assert bench.said("a") == "stale: edited after run boosting (3f2a1b0c)"


class TestNotReproducible:
    def test_an_edit_after_the_run_that_stands_on_it(self) -> None:
        bench = Bench("depth = 4", "score = depth / 10").execute("a")
        bench.execute("b", run="boosting (3f2a1b0c)").edit("a", "depth = 5")
        assert bench.said("b") == (
            "not reproducible: cell 1 was edited after run boosting (3f2a1b0c)"
        )

    def test_a_cell_was_deleted(self) -> None:
        bench = Bench("base = 1", "b = base + 1", "c = b").execute("abc").delete("a")
        why = "not reproducible: stands on a cell that was deleted (it bound `base`)"
        assert [bench.said("b"), bench.said("c")] == [why, why]
        assert [(h.name, h.why) for h in bench.state().hidden] == [
            ("base", "bound by a cell that was deleted")
        ]

    def test_a_cell_was_deleted_and_its_name_is_bound_by_another(self) -> None:
        bench = Bench("a = 1", "a = 2", "b = a").execute("abc").delete("b")
        assert bench.of("c").state == "not_reproducible"
        assert [h.why for h in bench.state().hidden] == ["changed last by a cell that was deleted"]

    def test_a_name_that_an_edit_took_away(self) -> None:
        bench = Bench("base = 1\nother = 2", "b = base").execute("a").edit("a", "other = 2")
        assert bench.execute("ab").said("b") == (
            "not reproducible: stands on `base`, which cell 1 left before it was edited"
        )
        assert [h.name for h in bench.state().hidden] == ["base"]

    def test_built_on_its_own_earlier_form(self) -> None:
        bench = Bench("a = 1").execute("a").edit("a", "a = a + 1").execute("a")
        assert bench.said("a") == (
            "not reproducible: stands on `a`, which it left before it was edited"
        )

    def test_executed_from_below(self) -> None:
        bench = Bench("b = a + 1", "a = 1", "c = b").execute("bac")
        assert bench.said("a") == "not reproducible: stands on cell 2, which is below it (`a`)"
        assert bench.said("c") == (
            "not reproducible: stands on cell 1, which stands on cell 2, which is below it (`a`)"
        )

    def test_moved_above_what_it_stands_on(self) -> None:
        bench = Bench(*CHAIN).execute("abc").move("c", 0)
        assert bench.said("c") == "not reproducible: stands on cell 3, which is below it (`b`)"

    def test_executed_before_the_cell_above(self) -> None:
        bench = Bench("a = 1", "a = 2", "b = a + 1").execute("acb")
        assert bench.said("c") == (
            "not reproducible: was executed before cell 2, which binds `a` above it"
        )

    def test_executed_several_times_on_itself(self) -> None:
        bench = Bench("a = 1", "a += 1", "b = a").execute("abbbc")
        why = "was executed 3 times, and builds on what it had left (`a`)"
        assert bench.said("b") == f"not reproducible: {why}"
        assert bench.said("c") == f"not reproducible: stands on cell 2, which {why}"

    def test_grown_in_place(self) -> None:
        bench = Bench("found = []", "found.append(1)", "n = len(found)").execute("abbc")
        assert bench.of("b").state == bench.of("c").state == "not_reproducible"

    def test_raised(self) -> None:
        bench = Bench("a = 1", "a.nothing", "b = 2\nb.nothing", "c = b").execute("abcd")
        assert bench.said("b").startswith("not reproducible: raised AttributeError")
        assert bench.said("d") == "not reproducible: stands on cell 3, which raised"

    def test_unseeded(self) -> None:
        bench = Bench("import random", "r = random.random()", "x = r").execute("abc")
        assert bench.said("b") == "not reproducible: draws unseeded random numbers"
        assert bench.said("c") == (
            "not reproducible: stands on cell 2, which draws unseeded random numbers"
        )


class TestUnknown:
    def test_nothing_was_executed_since_the_kernel_began(self) -> None:
        assert Bench(*CHAIN).state().why == "all cells: not executed in this session"

    def test_what_a_cell_above_would_do(self) -> None:
        bench = Bench("a = 1", "a = 3", "b = a + 1").execute("ac")
        assert bench.said("c") == ("unknown: cell 2, above it, was not executed, and may bind `a`")

    def test_what_a_cell_above_might_change_in_place(self) -> None:
        bench = Bench("found = []", "found.append(1)", "n = len(found)").execute("ac")
        assert bench.said("c") == (
            "unknown: cell 2, above it, was not executed, and may change `found`"
        )

    def test_a_cell_above_that_may_do_anything(self) -> None:
        bench = Bench("a = 1", "%run other.py", "b = a").execute("ac")
        assert bench.said("c") == (
            "unknown: cell 2, above it, was not executed, and may change anything"
        )

    def test_a_seed_set_above_it_afterwards(self) -> None:
        bench = Bench("import random", "x = 1", "y = 2").execute("abc")
        bench.edit("a", "import random\nrandom.seed(0)").execute("a")
        assert bench.said("c") == (
            "unknown: cell 1, above it, was executed after it, and may set options or seeds"
        )

    def test_a_name_from_before_recording(self) -> None:
        bench = Bench("b = a")
        bench.space["a"] = 1
        bench.watch()
        assert bench.execute("a").said("a") == (
            "unknown: reads what was bound before recording began"
        )

    def test_private(self) -> None:
        bench = Bench("# mlops: private\na = 1")
        assert bench.said("a") == "unknown: private: it is not written down"

    def test_no_code(self) -> None:
        assert Bench("# words").state().why == "it has no code"


class TestWhichExecutionIsOfWhichCell:
    def test_ids_that_the_kernel_was_not_told(self) -> None:
        """Papermill tells none; a file of format 4.4 keeps none."""
        bench = Bench(*CHAIN).execute("abc")
        nameless = [NotebookCell(None, cell.source) for cell in bench.cells]
        assert state_of(nameless, bench.rows).verdict == "reproducible"

    def test_without_ids_an_edit_and_a_deletion_look_the_same(self) -> None:
        bench = Bench(*CHAIN).execute("abc")
        nameless = [NotebookCell(None, s) for s in ("a = 5", *CHAIN[1:])]
        assert state_of(nameless, bench.rows).cells[1].why == (
            "stands on a cell that was deleted or edited (it bound `a`)"
        )

    def test_the_same_code_twice_without_ids(self) -> None:
        bench = Bench("a = 1", "a += 1", "b = a", "a += 1", "c = a").execute("abcde")
        nameless = [NotebookCell(None, cell.source) for cell in bench.cells]
        assert state_of(nameless, bench.rows).verdict == "reproducible"

    def test_copies_that_bear_the_same_id(self) -> None:
        bench = Bench("a = 1", "b = a").execute("ab")
        copied = [bench.cells[0], NotebookCell("a", "z = 9"), bench.cells[1]]
        states = state_of(copied, bench.rows).cells
        assert [s.state for s in states] == ["reproducible", "unknown", "reproducible"]

    def test_a_cell_that_was_cut_and_pasted_with_a_new_id(self) -> None:
        bench = Bench(*CHAIN).execute("abc")
        pasted = [NotebookCell("new", "a = 1"), *bench.cells[1:]]
        assert state_of(pasted, bench.rows).verdict == "reproducible"


FEW = ("a = 1", "a = 2", "b = a + 1", "a += 1", "xs = []", "xs.append(1)", "b = len(xs)")
MORE = (
    "b = a * 2", "c = b + a", "del a", "c = 0", "xs = [a]", "ys = xs", "ys.append(2)",
    "for a in range(3):\n    c = a", "if c:\n    a = 5", "a, b = b, a",
    "def f():\n    return a", "b = f()", "# nothing", "def f():\n    global a\n    a = 7", "f()",
)  # fmt: skip

source = st.one_of(st.sampled_from(FEW), st.sampled_from(FEW), st.sampled_from(FEW + MORE))
place = st.integers(0, 4)
step = st.one_of(
    st.tuples(st.just("execute"), place),
    st.tuples(st.just("execute"), place),
    st.tuples(st.just("execute"), place),
    st.tuples(st.just("edit"), place, source),
    st.tuples(st.just("delete"), place),
    st.tuples(st.just("add"), place, source),
    st.tuples(st.just("move"), place, place),
)


def take(bench: Bench, action: tuple[Any, ...]) -> None:
    name, index, *rest = action
    if name == "add":
        bench.add(rest[0], at=index)
    elif bench.cells:
        letter = bench.cells[index % len(bench.cells)].id
        assert letter is not None
        if name == "execute":
            bench.execute(letter)
        elif name == "edit":
            bench.edit(letter, rest[0])
        elif name == "delete" and len(bench.cells) > 1:
            bench.delete(letter)
        elif name == "move":
            bench.move(letter, rest[0])


@settings(max_examples=examples(2000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(source, min_size=2, max_size=4),
    st.booleans(),
    st.lists(step, min_size=1, max_size=8),
)
def test_what_is_said_to_be_reproducible_is(
    sources: list[str], executed: bool, steps: list[tuple[Any, ...]]
) -> None:
    """Whatever was edited, moved, deleted and executed: all cells, run in a fresh kernel, leave
    in the names that a reproducible cell bound or changed what it had left in them."""
    bench = Bench(*sources)
    if executed:
        for cell in list(bench.cells):
            bench.execute(cell.id or "")
    for action in steps:
        take(bench, action)
    state = bench.state()
    event(state.verdict)
    fresh: dict[str, Any] = {"__name__": "__main__"}
    for said, cell in zip(state.cells, bench.cells, strict=True):
        run_cell(cell.source, fresh)
        rows = [row for row in bench.rows if row.cell_id == cell.id]
        if said.state != "reproducible" or not rows or said.why == "nothing to execute":
            continue
        row = rows[-1]
        then, now = bench.left[row.position - 1], values(fresh)
        for name in row.effects:
            assert now.get(name, None) == then.get(name, None), (said, name)


@pytest.mark.slow
def test_a_long_session_is_judged_fast() -> None:
    bench = Bench(*(f"x{n} = {f'x{n - 1} + ' if n else ''}1" for n in range(20)))
    letters = "".join(c.id or "" for c in bench.cells)
    for _ in range(20):
        bench.execute(letters)
    assert bench.state().verdict == "reproducible"
