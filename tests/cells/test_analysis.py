"""What the source of a cell says about its names."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_jupyter.cells.analysis import CellAnalysis, analyse


def reads(source: str) -> set[str]:
    return set(analyse(source).reads)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("y = x", {"x"}),
        ("x = x + 1", {"x"}),
        ("x = 1; y = x", set()),
        ("x += 1", {"x"}),
        ("x[0] = 1", {"x"}),
        ("x.a = y", {"x", "y"}),
        ("(a, b), *c = z", {"z"}),
        ("a, b = b, a", {"a", "b"}),
        ("del x", {"x"}),
        ("x = 1; del x; x", set()),
        ("x: T = y", {"T", "y"}),
        ("x: T", {"T"}),
        ("from __future__ import annotations\nx: T = y", {"y"}),
        ("print(len(x))", {"x"}),
        ("(n := len(x)); n", {"x"}),
        ("await fetch(url)", {"fetch", "url"}),
        ("import a.b, c as d\na, d", set()),
        ("display(_, _3, In, get_ipython())", set()),
        ("f'{x!r:>{width}}'", {"x", "width"}),
        ('df.query("a > @limit and b in @names")', {"df", "limit", "names"}),
        ("assert ok, (why := x)\nwhy", {"ok", "x", "why"}),
    ],
)
def test_statements_read(source: str, names: set[str]) -> None:
    assert reads(source) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("[x for x in xs]", {"xs"}),
        ("[x for x in x]", {"x"}),
        ("[y for x in xs for y in x if y > low]", {"xs", "low"}),
        ("{k: v for k, v in pairs.items()}", {"pairs"}),
        ("[(last := x) for x in xs]\nlast", {"xs", "last"}),
        ("[f(x) for x in xs if (lambda y: y in keep)(x)]", {"f", "xs", "keep"}),
        ("sum(w[i] for i in range(n))", {"w", "n"}),
        ("sorted(xs, key=lambda r: weight[r])", {"xs", "weight"}),
        ("lambda a, b=d, *c, e: a + b + e + g", {"d", "g"}),
        ("def f(x, y=d): return x + z", {"d"}),
        ("@cached\ndef f(x: A) -> B: return z", {"cached", "A", "B"}),
        (
            "class C(Base, metaclass=M):\n    n = 1\n    m = n + k\n    x = x",
            {"Base", "M", "k", "x"},
        ),
        ("k = 1\nclass C:\n    m = k\n    def f(self): return z", set()),
    ],
)
def test_scopes_read(source: str, names: set[str]) -> None:
    assert reads(source) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("if c:\n    x = 1\nx", {"c", "x"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", {"c"}),
        ("if c:\n    x = 1\nelse:\n    raise ValueError\nx", {"c"}),
        ("c and (x := 1)\nx", {"c", "x"}),
        ("y = (x := 1) if c else 2\nx", {"c", "x"}),
        ("a < b < (x := 1)\nx", {"a", "b", "x"}),
        ("for i in n:\n    x = i\nx, i", {"n", "x", "i"}),
        ("for i in n:\n    if i: continue\n    x = 1\n    x", {"n"}),
        ("while c:\n    x = 1\nelse:\n    x = 2\nx", {"c", "x"}),
        ("with open(p) as f:\n    x = f.read()\nx, f", {"p"}),
        ("with suppress(KeyError):\n    x = d[k]\nx", {"suppress", "d", "k", "x"}),
        ("try:\n    x = f()\nexcept E as e:\n    print(e)\nx", {"f", "E", "x"}),
        ("try:\n    x = f()\nexcept E:\n    x = 0\nx", {"f", "E"}),
        ("try:\n    x = f()\nexcept E:\n    raise\nx", {"f", "E"}),
        ("try:\n    a = f()\nfinally:\n    x = 1\nx, a", {"f"}),
        ("try:\n    x = f()\nexcept* E:\n    pass\nx", {"f", "E", "x"}),
        ("try:\n    import a\nexcept ImportError:\n    a = None\na", set()),
        ("match p:\n    case [x, *xs]: x, xs\n    case {'k': v, **r}: v, r\n    case y: y", {"p"}),
        ("match p:\n    case 1: x = 1\n    case _: x = 2\nx", {"p"}),
        ("match p:\n    case 1: x = 1\nx", {"p", "x"}),
    ],
)
def test_ways_through_a_cell_read(source: str, names: set[str]) -> None:
    assert reads(source) == names


@pytest.mark.parametrize(
    ("source", "names", "writes"),
    [
        ("%%time\nx = f(y)", {"f", "y"}, ("x",)),
        ("%%track trial-1\nx = f(y)", {"f", "y"}, ("x",)),
        ("%%track trial\n%%time\n!ls\nx = f(y)", {"f", "y"}, ("x",)),
        ("%%capture out\nx = f(y)", {"f", "y"}, ("x", "out")),
        ("%%timeit -n 3 y = 1\nx = f(y)", {"f"}, ()),
        ("%time x = f(y)", {"f", "y"}, ("x",)),
        ("%prun -l 5 x = f(y)", {"f", "y"}, ("x",)),
        ("%timeit -n 10 -r 3 x = f(y)", {"f", "y"}, ()),
        ("t = %timeit -o f(y)", {"f", "y"}, ("t",)),
        ("%snapshot df[df.a > low] --name train", {"df", "low"}, ()),
        ("%mlops receive a b", set(), ("a", "b")),
        ("%mlops pass_on a b", {"a", "b"}, ()),
        ("%matplotlib inline\n%load_ext mlops_jupyter", set(), ()),
        ("%%bash\necho $x {y}", set(), ()),
        ("%%bash --out text\nls", set(), ("text",)),
        ("!ls -l", set(), ()),
        ("!cp {src} $dst && echo $$", {"src", "dst"}, ()),
        ("files = !ls {folder}", {"folder"}, ("files",)),
        ("def f():\n    !echo {word}\nf()", set(), ("f",)),
        ("df?", set(), ()),
    ],
)
def test_magics(source: str, names: set[str], writes: tuple[str, ...]) -> None:
    cell = analyse(source)
    assert (set(cell.reads), cell.writes) == (names, writes)
    assert not cell.opaque


@pytest.mark.parametrize(
    "source",
    [
        "exec(code)",
        "x = eval('y')",
        "globals()['x'] = 1",
        "locals()",
        "vars()",
        "from math import *",
        "%run other.ipynb",
        "%store -r x",
        "%%mystery\nx = 1",
        "%%time\nx = (",
        "x = (",
        "\0",
        "(" * 10_000,
        "def f(): exec('y = 1')",
        "get_ipython().user_ns['x'] = 1",
        "get_ipython().run_cell('x = 1')",
    ],
)
def test_what_cannot_be_seen_through_is_opaque(source: str) -> None:
    assert analyse(source).opaque


@pytest.mark.parametrize(
    "source", ["vars(x)", "df.eval('a + b')", "model.eval()", "def f(): return locals()"]
)
def test_what_only_looks_so_is_not(source: str) -> None:
    assert not analyse(source).opaque


def test_functions_say_what_they_need_when_they_are_called() -> None:
    cell = analyse(
        "def scale(x, by=FACTOR):\n"
        "    total = sum(x)\n"
        "    def inner(): return total + OFFSET\n"
        "    class Local:\n"
        "        a = 1\n"
        "        b = a + CLASS_LEVEL\n"
        "    return [inner() for y in x if y in KEEP]\n"
        "class Model(Base):\n"
        "    depth = 3\n"
        "    def fit(self): return scale(self.depth)\n"
        "square = lambda x: x ** POWER\n"
        "def count():\n"
        "    global calls\n"
        "    calls += 1\n"
    )
    assert cell.functions == {
        "scale": {"OFFSET", "CLASS_LEVEL", "KEEP"},
        "Model": {"scale"},
        "square": {"POWER"},
        "count": {"calls"},
    }
    assert cell.function_writes == {"count": {"calls"}}
    assert cell.reads == {"FACTOR", "Base"}
    assert cell.definitions == {"scale", "Model", "count"}


def test_required_names_are_those_that_only_an_earlier_cell_can_bind() -> None:
    cell = analyse(
        "try:\n    seen\nexcept NameError:\n    seen = 0\n"
        "for x in xs:\n    if seen: print(previous)\n    previous = x\n"
        "button.on_click(lambda b: later(b))\n"
        "print(previous, missing)"
    )
    assert cell.reads == {"seen", "xs", "previous", "button", "later", "missing"}
    assert cell.required == {"xs", "button", "missing"}


def test_writes_are_in_order_and_tell_how_they_were_bound() -> None:
    cell = analyse(
        "import numpy as np, os.path\n"
        "for i, (j, k) in pairs: pass\n"
        "with open('f') as file: pass\n"
        "try: pass\n"
        "except OSError as error: pass\n"
        "def f(): inner = 1\n"
        "x = y = f()\n"
        "del y"
    )
    assert cell.writes == ("np", "os", "i", "j", "k", "file", "error", "f", "x", "y")
    assert cell.loop_names == {"i", "j", "k", "file", "error"}
    assert cell.definitions == {"np", "os", "f"}
    assert cell.deletes == {"y"}
    assert {"np", "file", "x", "y"} <= cell.settles
    assert not {"i", "error"} & cell.settles


def test_literals_and_what_is_computed_are_told_apart() -> None:
    cell = analyse(
        "a = b = -3\n"
        "c, (d, e) = 'x', (True, None)\n"
        "f: list = [1, {'k': (2.5,)}]\n"
        "seconds = 60 * 60\n"
        "g, h = 1, run()\n"
        "i = 0\n"
        "i += 1\n"
        "j = run()\n"
        "j = 2\n"
        "if a: k = 1\n"
        "else: k = 2\n"
        "first, *rest = 1, 2\n"
        "m = 1\n"
        "del m\n"
        "n = {**f}\n"
        "o = 9 ** 9 ** 9"
    )
    assert cell.literals == {
        "a": -3, "b": -3, "c": "x", "d": True, "e": None, "f": [1, {"k": (2.5,)}],
        "seconds": 3600, "g": 1, "j": 2,
    }  # fmt: skip
    assert cell.assigned == ("h", "i", "first", "rest", "n", "o")


def test_builtins_are_told_so_that_one_bound_before_is_not_overlooked() -> None:
    assert analyse("def f(): return max(x)\nsum(y)").builtins == {"max", "sum"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x=1 # note", "x = 1\n\n"),
        ("%%time\nx=1", "%%time\nx = 1  # slow"),
        ("%time x=1", "%time  x = (1)"),
        ('f("a", )', "f(\n  'a'\n)"),
    ],
)
def test_comments_and_formatting_do_not_change_the_code(one: str, other: str) -> None:
    assert analyse(one).code_digest == analyse(other).code_digest
    assert analyse(one).digest != analyse(other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = True"),
        ("x = None", "x = ..."),
        ("!ls", "!ls -l"),
        ("%%time\nx", "%%time\ny"),
        ("x = (", "x = ["),
        ("f(a)(b)", "f(a, b)"),
    ],
)
def test_other_code_has_another_digest(one: str, other: str) -> None:
    assert analyse(one).code_digest != analyse(other).code_digest


def test_the_digest_is_the_same_in_every_version_of_python() -> None:
    source = "@d\ndef f(x, *y, z=None) -> None: return f'{x}'\nclass A: x = None\nf()"
    made_by_3_11 = "blake3:0abbef5529150a289ba89ad0e85eec500cb6f8fb16633af34c65d75561c299a2"
    assert analyse(source).code_digest == made_by_3_11


def test_importing_the_analysis_is_light() -> None:
    heavy = "{'pandas', 'mlflow', 'papermill', 'nbformat', 'IPython', 'sklearn'}"
    code = f"import sys, mlops_jupyter.cells.analysis; print({heavy} & set(sys.modules) or 'light')"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "light"


@given(st.text())
@example("x = '\ud800'")
@example("%%time\n%%time\n%%time\nx")
@example("%")
@example("%%")
@example("!")
@example("x = 10 ** 10 ** 100")
@example("x = 1e308 ** 3")
@example("x = 1 / 0")
def test_any_text_can_be_analysed(source: str) -> None:
    assert isinstance(analyse(source), CellAnalysis)


NAMES = st.sampled_from("abcdef")
EXPRESSIONS = st.recursive(
    st.one_of(
        NAMES, st.just("1"), st.tuples(NAMES, NAMES).map("(lambda {0[0]}: {0[1]})(1)".format)
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]} + {0[1]})".format),
        st.tuples(NAMES, inner, inner).map("sum([{0[1]} for {0[0]} in [{0[2]}, 1]])".format),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.tuples(NAMES, EXPRESSIONS).map("{0[0]} = {0[1]}".format),
    st.tuples(NAMES, EXPRESSIONS).map("{0[0]} += {0[1]}".format),
    st.tuples(NAMES, NAMES, EXPRESSIONS).map("{0[0]}, {0[1]} = 1, {0[2]}".format),
    st.tuples(NAMES, EXPRESSIONS).map("({0[0]} := {0[1]})".format),
    NAMES.map("{0} = 1; del {0}; {0} = 2".format),
    EXPRESSIONS,
)


def runs(program: str, names: set[str]) -> bool:
    try:
        exec(compile(program, "program", "exec"), dict.fromkeys(names, 2))
    except NameError:
        return False
    return True


@given(st.lists(STATEMENTS, min_size=1, max_size=6).map("\n".join))
def test_a_straight_program_needs_what_it_reads_and_nothing_else(program: str) -> None:
    needed = reads(program)
    assert runs(program, needed)
    for name in needed:
        assert not runs(program, needed - {name}), name
