"""A cell, statement by statement."""

from __future__ import annotations

import pytest

from mlops_jupyter.cells.statement import statements


def test_statements_are_as_they_were_written() -> None:
    sources = [
        "import a",
        "import b",
        "@dec(1)\n@other\ndef f():\n    # a note\n    return '''\nx'''",
        "x = (1,\n     2)",
        "get_ipython().system('ls')",
    ]
    cell = "import a; import b\n" + "\n".join(sources[2:4]) + "  # gone\n!ls"
    assert [s.source for s in statements(cell)] == sources


def test_statements_below_a_magic_are_the_cells_own() -> None:
    found = statements("%%track trial\n%%time\nimport a\nx = a.b")
    assert [(s.source, s.imports) for s in found] == [("import a", True), ("x = a.b", False)]


def test_text_that_is_no_code_is_one_statement() -> None:
    (found,) = statements("x = (")
    assert found.analysis.opaque
    assert not found.defines


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        "from a import *",
        "def f(): pass",
        "async def f(): pass",
        "class A: pass",
        "f = g = lambda: 1",
        "f: Callable = lambda: 1",
        "try:\n    import a\nexcept ImportError:\n    a = None",
        "if fast:\n    def f(): pass\nelse:\n    def f(): print(1)",
        "%matplotlib inline",
    ],
)
def test_what_defines(source: str) -> None:
    assert statements(source)[0].defines


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "x.f = lambda: 1",
        "print(1)",
        "if fast:\n    import a\n    a.run()",
        "if fast: pass",
        "for i in x:\n    def f(): pass",
        "with x:\n    import a",
        "%cd data",
    ],
)
def test_what_does_more(source: str) -> None:
    assert not statements(source)[0].defines


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("os.environ['A'] = '1'", "os"),
        ("plt.rcParams['a.b'] = 1", "plt"),
        ("decimal.getcontext().prec = 4", "decimal"),
        ("pd.set_option('a', 1)", "pd"),
        ("pd.options.display.width = 1", "pd"),
        ("sys.path.insert(0, 'lib')", "sys"),
        ("Model.depth = 3", "Model"),
        ("x = 1", None),
        ("rows.append(1)", None),
        ("os.remove('a')", None),
        ("a.b = c.d = 1", None),
        ("a.b += 1", None),
    ],
)
def test_what_sets_the_state_of_a_module(source: str, name: str | None) -> None:
    assert statements(source)[0].configures == name
