"""What a check finds, by its code; and what it lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.check import check
from mlops_jupyter.pipelines.finding import Finding
from mlops_jupyter.project import Project, open_project
from tests.pipelines.notebooks import PARAMETERS, code, declare, steps, write

Found = list[tuple[str, str, int | None]]


def checked(
    project: Project, *sources: str, setup: str = "", given: dict[str, Any] | None = None
) -> list[Finding]:
    """Check a notebook: cell 1 the parameter `n`, then a setup if any, then a step each."""
    steps(project.root / "study.ipynb", setup, *sources)
    declare(project, study="study.ipynb")
    (found,) = check(open_project(project.root), given=given)
    return list(found.findings)


def codes(findings: list[Finding]) -> Found:
    return [(f.code, f.severity, f.cell) for f in findings]


def test_a_sound_notebook_passes(project: Project) -> None:
    (project.root / "in.csv").write_text("a\n1\n")
    sources = (
        "rows = pd.read_csv('in.csv')\nrng = np.random.default_rng(n)",
        "for _ in range(3):\n    rows.to_csv('out.csv')\nrows = pd.read_csv('out.csv')",
        "with open('log.txt', 'w') as f:\n    f.write(str(rng.random()))\nopen('log.txt').read()",
    )
    assert checked(project, *sources, setup="import numpy as np\nimport pandas as pd") == []


def test_each_name_that_nobody_makes_is_told(project: Project) -> None:
    found = checked(project, "rows = [n]", "total = sum(rwos)\nmean = total / m", "later = mean")
    assert codes(found) == [("unbound-name", "error", 3), ("unbound-name", "error", 3)]
    assert [(f.sentence, f.hint) for f in found] == [
        ("reads 'm', which no cell before it binds", "there is: n, rows"),
        ("reads 'rwos', which no cell before it binds", "did you mean 'rows'?"),
    ]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("pd.read_csv('no.csv')", "no.csv"),
        ("pd.read_parquet(path='data/no.parquet')", "data/no.parquet"),
        ("open('no.txt').read()", "no.txt"),
        ("Path('no') / 'x.txt'\nPath('no', 'x.txt').read_text()", "no/x.txt"),
        ("folder = 'no'\npd.read_csv(f'{folder}/x.csv')", "no/x.csv"),
        ("folder = Path('no')\npd.read_csv(folder / 'x.csv')", "no/x.csv"),
        ("folder = Path('no')\n(folder / 'x.txt').open().read()", "no/x.txt"),
        ("import os\npd.read_csv(os.path.join('no', 'x.csv'))", "no/x.csv"),
        ("%%time\nx = pd.read_csv('no.csv')", "no.csv"),
    ],
)
def test_files_that_are_read_must_be_there(project: Project, source: str, path: str) -> None:
    found = checked(project, source, setup="import pandas as pd\nfrom pathlib import Path")
    assert codes(found) == [("missing-input", "error", 3)]
    assert found[0].sentence == f"reads {path!r}, which is not there and which no cell writes"


@pytest.mark.parametrize(
    "source",
    [
        "pd.DataFrame().to_csv('x.csv')\npd.read_csv('./x.csv')",
        "import os\nif os.path.exists('x.csv'):\n    pd.read_csv('x.csv')",
        "!wget -O x.csv http://localhost/x\npd.read_csv('x.csv')",
        "import tarfile\ntarfile.open('in.tgz').extractall('raw')\npd.read_csv('raw/a/x.csv')",
        "%cd elsewhere\npd.read_csv('x.csv')",
        "pd.read_csv('https://localhost/x.csv')\npd.read_csv('*.csv')\npd.read_csv(str(n))",
        "open('x.txt', mode='w').close()\nopen('x.txt').read()",
        "pd.read_json('{\"a\": 1}')",
        "x = 'a.csv'\nx = str(n)\npd.read_csv(x)",
    ],
)
def test_files_that_a_cell_may_make_or_looks_for_are_not_missed(
    project: Project, source: str
) -> None:
    (project.root / "in.tgz").touch()
    found = checked(project, source, setup="import pandas as pd")
    assert [f for f in found if f.code == "missing-input"] == []


def test_where_a_cell_cannot_be_seen_through_a_missing_file_is_a_warning(project: Project) -> None:
    found = checked(project, "exec('n')", "open('no.txt')")
    assert codes(found) == [("opaque", "warning", 2), ("missing-input", "warning", 3)]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"m": 1}, "unknown-parameter", "no parameter 'm'"),
        ({"n": "many"}, "wrong-parameter", "'n'"),
    ],
)
def test_parameters_are_checked_against_the_contract(
    project: Project, given: dict[str, Any], code: str, words: str
) -> None:
    (found,) = checked(project, "x = n", given=given)
    assert (found.code, found.severity, found.cell) == (code, "error", None)
    assert words in found.sentence
    assert checked(project, "x = n", given={"n": "2"}) == []


def test_a_parameters_cell_that_computes_is_told(project: Project) -> None:
    write(project.root / "study.ipynb", code("n = len('a')", PARAMETERS), code("x = n", "step:a"))
    declare(project, study="study.ipynb")
    (found,) = check(open_project(project.root))
    assert codes(list(found.findings)) == [("parameters", "error", 1)]
    assert found.findings[0].sentence.startswith("line 1: 'n' is not bound to a literal")


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        ("x = np.random.rand(3)", "np.random.rand()"),
        ("rng = np.random.default_rng()", "default_rng()"),
        ("x = train_test_split(n)", "train_test_split()"),
        ("x = RandomForestClassifier()", "RandomForestClassifier()"),
        ("x = uuid4()", "uuid4()"),
    ],
)
def test_randomness_without_a_seed(project: Project, source: str, drawn: str) -> None:
    setup = (
        "import numpy as np\nfrom uuid import uuid4\nfrom sklearn.ensemble import"
        " RandomForestClassifier\nfrom sklearn.model_selection import train_test_split"
    )
    (found,) = checked(project, source, setup=setup)
    assert (found.code, found.severity, found.cell) == ("unseeded", "warning", 3)
    assert found.sentence == f"draws random numbers without a seed: {drawn}"
    seeded = checked(project, source, setup=f"{setup}\nnp.random.seed(n)")
    assert seeded == ([] if drawn not in {"default_rng()", "uuid4()"} else [found])


@pytest.mark.parametrize(
    "text", ["/home/me/in.csv", "/Users/me/in.csv", "C:\\data\\in.csv", "C:/data", "~/in.csv"]
)
def test_paths_of_one_machine(project: Project, text: str) -> None:
    (found,) = checked(project, f"x = {text!r}")
    assert (found.code, found.severity, found.cell) == ("absolute-path", "warning", 2)
    assert repr(text) in found.sentence


@pytest.mark.parametrize("text", ["/api/v1", "/", "a/b", "~", "~Time", "http://a/home/b", "I/O"])
def test_what_is_no_path_of_one_machine(project: Project, text: str) -> None:
    assert checked(project, f"x = {text!r}") == []


def test_packages_that_are_not_installed_are_found_without_importing(project: Project) -> None:
    (project.root / "beside.py").write_text("raise SystemExit('imported')")
    source = (
        "import beside, json, no_such_package.part\nfrom sklearn import no_such_name\n"
        "try:\n    import also_missing\nexcept ImportError:\n    also_missing = None"
    )
    (found,) = checked(project, source)
    assert (found.code, found.severity, found.cell) == ("missing-package", "error", 2)
    assert found.sentence.startswith("imports 'no_such_package', which is not installed in ")
    assert found.hint == "install it: `pip install no_such_package`"
    added = checked(project, "import sys\nsys.path.append('lib')\nimport no_such_package")
    assert codes(added) == [("missing-package", "warning", 2)]


def test_the_kernel_must_be_there(project: Project) -> None:
    path = project.root / "study.ipynb"
    cells = [code("n = 1", PARAMETERS), code("import no_such_package", "step:a")]
    write(path, *cells, metadata={"kernelspec": {"name": "no-such-kernel"}})
    declare(project, study="study.ipynb")
    (found,) = check(open_project(project.root))
    assert codes(list(found.findings)) == [("no-kernel", "error", None)]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("exec('x = 1')", "`exec()`"),
        ("from os import *", "`from os import *`"),
        ("%nosuchmagic a", "`%nosuchmagic`"),
        ("%%sql\nselect 1", "`%sql`"),
        ("globals()['x'] = 1", "`globals()`"),
    ],
)
def test_cells_that_cannot_be_seen_through(project: Project, source: str, why: str) -> None:
    (found,) = checked(project, source)
    assert (found.code, found.severity, found.cell) == ("opaque", "warning", 2)
    assert why in found.sentence


def test_a_cell_that_is_no_python(project: Project) -> None:
    (found,) = checked(project, "x = 1\nprint 'x'")
    assert (found.code, found.severity, found.cell) == ("syntax", "error", 2)
    assert "line 2" in found.sentence


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("v = open('log.txt', 'a')", "an open file"),
        ("v = (x for x in [n])", "a generator"),
        ("def gen():\n    yield n\nv = gen()", "a generator"),
        ("import sqlite3\nv = sqlite3.connect(':memory:')", "a connection"),
        ("import threading\nv = threading.Lock()", "a lock"),
    ],
)
def test_values_that_cannot_pass_a_boundary(project: Project, source: str, what: str) -> None:
    found = checked(project, source, "w = v", "x = v")
    assert codes(found) == [("cannot-pass", "warning", 2)]
    assert found[0].sentence.startswith(f"'v' is {what}, which cannot be stored")
    assert checked(project, f"{source}\nv = n", "w = v") == []
    assert checked(project, source, "w = n") == []


def test_hidden_state_of_the_kernel(project: Project) -> None:
    found = checked(project, "x = Out[3]", "y = _5", "z = _", "print(In[-1])")
    assert codes(found) == [
        ("hidden-state", "error", 2),
        ("hidden-state", "error", 3),
        ("hidden-state", "warning", 4),
        ("hidden-state", "error", 5),
    ]
    assert checked(project, "first, _ = (1, 2)", "for _ in [n]:\n    print(_)") == []


def test_a_value_that_two_steps_may_give(project: Project) -> None:
    found = checked(project, "x = 1", "if n > 3:\n    x = 2", "y = x")
    assert codes(found) == [("two-makers", "warning", 3)]
    assert found[0].sentence == (
        "step 's2' binds 'x' only on some way through this cell: step 's3' receives it from "
        "'s2' or from 's1'"
    )
    assert checked(project, "x = 1", "x = 2 if n > 3 else x", "y = x") == []


def test_a_notebook_that_cannot_be_read_is_a_finding(project: Project) -> None:
    declare(project, gone="gone.ipynb", broken="broken.ipynb")
    (project.root / "broken.ipynb").write_text("{")
    found = {c.pipeline: c for c in check(open_project(project.root))}
    assert codes(list(found["gone"].findings)) == [("notebook", "error", None)]
    assert found["gone"].findings[0].sentence == "there is no such notebook"
    assert found["broken"].has_errors


def test_nothing_to_check_is_a_mistake(project: Project) -> None:
    with pytest.raises(UsageError, match="there are no pipelines to check"):
        check(project)
    declare(project, study="study.ipynb")
    with pytest.raises(NotFoundError, match="there is no pipeline 'stduy'"):
        check(open_project(project.root), ["stduy"])


def test_200_cells_are_checked_without_a_kernel(project: Project) -> None:
    cells = [
        f"def step{n}(rows, limit={n}):\n    return [row * limit for row in rows if row]\n"
        f"table{n} = step{n}([{n}, n])\nmean{n} = sum(table{n}) / len(table{n})\n"
        f"np.mean(table{n})\nprint(f'{{mean{n}:.3f}}')"
        for n in range(200)
    ]
    steps(project.root / "study.ipynb", "import numpy as np", *cells)
    declare(project, study="study.ipynb")
    (found,) = check(open_project(project.root))
    assert {finding.severity for finding in found.findings} <= {"warning"}
