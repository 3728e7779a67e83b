"""What `mlops pipeline build` makes of notebooks as people leave them.

The notebooks are those of `messy.py`, which fetches them. With ``--write`` this writes ``cuts.txt``
anew, to be read before it is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.check import findings_of
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import parse_notebook, with_choices
from tests.goldens import messy

GOLDEN = Path(__file__).with_suffix(".txt")


def goldens() -> dict[str, str]:
    """Return what is expected of each notebook, by the names of `messy`."""
    parts = GOLDEN.read_text(encoding="utf-8").split("\n== ")[1:]
    named = [part.partition("\n") for part in parts]
    return {name: text.rstrip("\n") for name, _, text in named}


def cut(path: Path) -> str:
    """Return the steps of a notebook as text, or why there are none."""
    content = path.read_bytes()
    try:
        return _steps(content, path)
    except UsageError as error:
        told = [_short(str(error), path)]
        if "looks like parameters" in error.message or "look like parameters" in error.message:
            none = with_choices(content, path, {"parameters_cell": 0})
            told.append(f"without parameters: {_steps(none, path)}")
        return "\n".join(told)


def check(path: Path) -> None:
    """Check a notebook, which must never crash."""
    content = path.read_bytes()
    try:
        source = parse_notebook(with_choices(content, path, {"parameters_cell": 0}), path)
    except UsageError:
        return
    assert all(finding.sentence for finding in findings_of(source))


def _steps(content: bytes, path: Path) -> str:
    try:
        made = cut_source(parse_notebook(content, path), "study")
    except UsageError as error:
        if "like parameters" in error.message:
            raise
        return _short(str(error), path)
    setup = f"setup of {len(made.source.setup)}" if made.source.setup else "no setup"
    steps = (
        f"  {step.name} ({len(step.cells)}): {' '.join(step.passes) or '-'}"
        for step in made.pipeline.steps
    )
    return "\n".join([f"by {made.source.by}, {setup}", *steps])


def _short(text: str, path: Path) -> str:
    return text.replace(str(path), path.name)


def main() -> None:
    names = list(messy.goldens())
    for name in names:
        messy.fetch(name)
    if "--write" in sys.argv:
        about = (
            "What `mlops pipeline build` makes of these notebooks: each step, how many cells it\n"
            "has, and what it passes on. Written by `python tests/goldens/cuts.py --write`.\n"
        )
        parts = [f"\n== {name}\n{cut(messy.place(name))}\n" for name in names]
        GOLDEN.write_text("".join([about, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main()
