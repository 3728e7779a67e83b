"""Notebooks as people leave them, and what we say of each: read one by one, and judged by hand.

The notebooks belong to others and are not kept here. ``python tests/goldens/messy.py`` fetches
them into ``build/cases``; with ``--write`` it then writes ``messy.txt`` anew, to be read before
it is committed.
"""

from __future__ import annotations

import sys
import urllib.parse
import urllib.request
from itertools import groupby
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.runs.notebook import read_notebook
from mlops_jupyter.runs.saved import state_of_file
from mlops_jupyter.runs.state import WORDS, CellState

CASES = Path(__file__).parents[2] / "build" / "cases"
GOLDEN = Path(__file__).with_suffix(".txt")
TIMEOUT_SECONDS = 60


def goldens() -> dict[str, str]:
    """Return what is expected of each notebook, by ``owner/repository@commit path``."""
    parts = GOLDEN.read_text(encoding="utf-8").split("\n== ")
    named = [part.partition("\n") for part in parts[1:]]
    return {name: text.rstrip("\n") for name, _, text in named}


def place(name: str) -> Path:
    """Return where a notebook is kept once it is fetched."""
    origin, _, path = name.partition(" ")
    return CASES / origin.partition("@")[0] / path


def said(path: Path) -> str:
    """Return the state of a notebook as text; cells below each other that are alike as one."""
    try:
        state = state_of_file(read_notebook(path))
    except MlopsError as error:
        return error.message.replace(str(path), path.name)
    lines = [f"{WORDS[state.verdict]}: {state.why}"]
    lines += [f"  hidden state: {name.name}, {name.why}" for name in state.hidden]
    for (verdict, why), group in groupby(state.cells, lambda cell: (WORDS[cell.state], cell.why)):
        lines.append(f"  {numbers(list(group))}: {verdict}: {why}")
    return "\n".join(lines)


def numbers(cells: list[CellState]) -> str:
    first, last = cells[0].number, cells[-1].number
    return f"cell {first}" if first == last else f"cells {first} to {last}"


def fetch(name: str) -> None:
    """Fetch one notebook from GitHub, unless it is there."""
    origin, _, path = name.partition(" ")
    repository, _, commit = origin.partition("@")
    target = place(name)
    if target.exists():
        return
    url = f"https://github.com/{repository}/raw/{commit}/{urllib.parse.quote(path)}"
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        content = answer.read()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def main() -> None:
    names = list(goldens())
    for name in names:
        fetch(name)
    if "--write" in sys.argv:
        about = GOLDEN.read_text(encoding="utf-8").partition("\n== ")[0]
        parts = [f"\n== {name}\n{said(place(name))}\n" for name in names]
        GOLDEN.write_text("".join([about, "\n", *parts]).replace("\n\n\n", "\n\n"), "utf-8")


if __name__ == "__main__":
    main()
