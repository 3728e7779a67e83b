"""What stands behind the expression of ``%snapshot``."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_jupyter.data import versions
from mlops_jupyter.project import Project
from mlops_jupyter.runs.makers import makers
from tests.kernel import Kernel


def test_tags_notes_and_names_of_snapshots(project: Project, kernel: Kernel) -> None:
    kernel.run("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})")
    kernel.run("%snapshot df[df['a'] > 1] --name=train --tag golden --tag=v1.0.0 --note 'two rows'")
    made = versions.resolve(project, "train@golden")
    assert (made.row_count, made.note, made.tags) == (2, "two rows", ("golden", "v1.0.0"))

    answer = kernel.run("%snapshot df --name train --tag golden")
    assert "ConflictError: train@golden is train@1" in str(answer.error)
    assert len(versions.dataset(project, "train").versions) == 1
    assert kernel.run("%snapshot df --force --tag golden --name train").status == "ok"
    assert versions.resolve(project, "train@golden").number == 2

    for line, complaint in (
        ("%snapshot df --tag 3", "would be read as a number"),
        ("%snapshot df --tag", "cannot read '--tag'"),
        ("%snapshot df --name train --forced", "cannot read '--forced'"),
        ("%snapshot df --note two rows", "cannot read 'rows'"),
        ("%snapshot", "nothing to keep"),
        ("%snapshot df['a']", "no name"),
        ("%snapshot dff --name train", "%snapshot dff: NameError: name 'dff' is not defined"),
        ("%snapshot df['b'] --name train", "%snapshot df['b']: KeyError: 'b'"),
    ):
        answer = kernel.run(line)
        assert complaint in str(answer.error), answer
        assert "Traceback" not in answer.error

    shown = "train@1 · frame · 2 rows × 1 columns · blake3:"
    kernel.run("import mlops_jupyter")
    answer = kernel.run("mlops_jupyter.snapshot(df[df['a'] > 1], 'train')")
    assert answer.data[0]["text/plain"].startswith(shown)

    kernel.run(f"%snapshot df if {'True and ' * 100} True else None --name long")
    assert versions.resolve(project, "long").row_count == 3


def test_a_path_needs_no_quotes(project: Project, kernel: Kernel) -> None:
    Path("raw data.csv").write_text("a\n1\n")
    assert kernel.run("%snapshot raw data.csv --name raw").status == "ok"
    assert versions.resolve(project, "raw").kind == "file"


def test_the_log_says_which_run_or_cell_took_a_version(project: Project, kernel: Kernel) -> None:
    kernel.run("import pandas as pd\ndf = pd.DataFrame({'a': [1]})\n%snapshot df --name train")
    kernel.run("%%track ridge\ndf['a'] = 2\n%snapshot df --name train")
    kernel.run("%%track again\n%snapshot df --name train")  # the same content: the first counts
    made = makers(project, "train")
    assert re.fullmatch(r"\S.* \[2\]", made[1])  # %load_ext was the first
    run = project.catalog.row("SELECT id FROM run WHERE name = 'ridge'")
    assert run is not None
    assert made[2] == f"run ridge {run['id'][:8]}"
    log = kernel.run("%mlops data log train").text
    assert all(words in log for words in made.values())
