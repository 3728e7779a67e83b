"""What notebooks do to their process: step by step, in fresh ones, they print the same."""

# ruff: noqa: ISC004 - sources of several lines
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

S = """
import collections, decimal, functools, itertools, logging, os, pathlib, random, sys, warnings
import matplotlib as mpl, matplotlib.pyplot as plt, numpy as np, pandas as pd
"""
ROWS = "print(pd.get_option('display.max_rows'))"

CASES: dict[str, list[str]] = {
    "a default that is filled": [
        S, "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)\nprint(f(1))",
        "print(f(2))", "print(f(3))",
    ],
    "a default that is filled by key": [
        S, "def f(x, *, known={}):\n    known[x] = 1\n    return sorted(known)\nprint(f(1))",
        "print(f(2))",
    ],
    "an attribute of a function": [
        S, "def f():\n    f.calls = getattr(f, 'calls', 0) + 1\n    return f.calls\nprint(f())",
        "print(f())", "print(f.calls)",
    ],
    "a counter of a class": [
        S, "class A:\n    made = 0\n    def __init__(self):\n        A.made += 1\na = A()",
        "b = A(); print(A.made)", "print(A.made, type(a) is type(b) is A, isinstance(a, A))",
    ],
    "a registry in a class": [
        S, "class A:\n    all = []\n    @classmethod\n    def add(cls, x):\n"
        "        cls.all.append(x)\nA.add(1)", "A.add(2)", "print(A.all)",
    ],
    "an estimator of their own": [
        "import numpy as np\nfrom sklearn.base import BaseEstimator, TransformerMixin\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.linear_model import LinearRegression",
        "class Mul(BaseEstimator, TransformerMixin):\n    def fit(self, X, y=None): return self\n"
        "    def transform(self, X): return X * SCALE\nSCALE = 3\n"
        "pipe = make_pipeline(Mul(), LinearRegression())",
        "X = np.arange(6.0).reshape(-1, 1); _ = pipe.fit(X, X.ravel())",
        "print(pipe.predict([[1.0]]).round(3), isinstance(pipe[0], Mul))",
    ],
    "options": [
        S, "pd.set_option('display.max_rows', 4)\npd.options.display.precision = 2\n"
        "np.set_printoptions(precision=3)", "print(pd.DataFrame({'a': np.arange(9) / 3}))",
        "print(np.array([1 / 3]))",
    ],
    "options in a loop": [
        S, "for k, v in {'display.max_rows': 4}.items():\n    pd.set_option(k, v)", ROWS,
    ],
    "options under a condition": [S, "if n:\n    pd.set_option('display.max_rows', 4)", ROWS],
    "options by a name that is imported": [
        "import pandas as pd\nfrom pandas import set_option",
        "set_option('display.max_rows', 4)", ROWS,
    ],
    "settings of matplotlib": [
        S, "plt.rcParams.update({'font.size': 20})\nmpl.rcParams['lines.linewidth'] = 9\n"
        "plt.rc('axes', labelsize=3)\nplt.style.use('ggplot')",
        "print(plt.rcParams['font.size'], plt.rcParams['axes.facecolor'])",
        "print(plt.rcParams['lines.linewidth'], plt.rcParams['axes.labelsize'])",
    ],
    "settings of numpy, decimal, logging and Python": [
        S, "_ = np.seterr(divide='ignore')\nnp.seterr(over='raise')\n"
        "decimal.getcontext().prec = 5\nlogging.getLogger('x').setLevel(logging.ERROR)\n"
        "logging.disable(logging.INFO)\nsys.setrecursionlimit(1234)",
        "print(np.geterr()['divide'], np.geterr()['over'], decimal.Decimal(1) / 3)",
        "print(logging.getLogger('x').level, logging.root.manager.disable)\n"
        "print(sys.getrecursionlimit())",
    ],
    "settings of scikit-learn": [
        "import sklearn\nfrom sklearn import set_config", "set_config(transform_output='pandas')",
        "print(sklearn.get_config()['transform_output'])",
    ],
    "variables of the environment": [
        S, "os.environ.update(A_B='1')\nos.environ.setdefault('C_D', '2')",
        "print(os.environ['A_B'], os.environ['C_D'])",
    ],
    "the working directory": [
        S, "os.makedirs('sub/deep', exist_ok=True)\nos.chdir('sub')\n"
        "_ = pathlib.Path('a.txt').write_text('x')",
        "print(os.listdir())\nos.chdir('deep')", "print(pathlib.Path.cwd().name)",
    ],
    "iterators go on": [
        S, "it = iter([1, 2, 3]); pairs = zip([1, 2], 'ab'); ids = itertools.count(5)\n"
        "print(next(it), next(pairs), next(ids))", "print(next(it), next(pairs), next(ids))",
        "print(next(it))",
    ],
}  # fmt: skip
"""The setup, and the steps below it."""


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[str, str]]:
    """Return what each notebook printed as a whole, and by its steps."""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.fresh"],
        cwd=root, env={**os.environ, "MPLBACKEND": "agg"},
        input=json.dumps(CASES),
        text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return {name: (whole, steps) for name, (whole, steps) in json.loads(run.stdout).items()}


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("name", CASES)
def test_steps_print_what_the_whole_notebook_prints(
    found: dict[str, tuple[str, str]], name: str
) -> None:
    whole, steps = found[name]
    assert "Error" not in whole
    assert whole
    assert steps == whole
