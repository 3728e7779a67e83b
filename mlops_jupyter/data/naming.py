"""What the dataset of a file is called, where nobody says it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

LONGEST = 100


def name_of(path: Path) -> str:
    """Return a dataset's name for a file: its stem, with '-' for what a name may not hold."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name.lstrip(".").partition(".")[0])
    return plain.strip("-_")[:LONGEST] or "data"


def dataset_of(project: Project, path: str) -> str:
    """Return the dataset of a file: always the same for one path, and another for each path.

    Parameters
    ----------
    project : Project
    path : str
        As `Source` has it: from the project's root, else absolute.
    """
    row = project.catalog.row(
        "SELECT dataset FROM dataset_version WHERE kind = 'file'"
        " AND json_extract(source, '$.text') = ? ORDER BY id LIMIT 1",
        (path,),
    )
    if row is not None:
        return str(row["dataset"])
    taken = {row[0] for row in project.catalog.rows("SELECT DISTINCT dataset FROM dataset_version")}
    return next(name for name in _names(Path(path)) if name not in taken)


def dataset_of_value(pipeline: str, step: str, variable: str) -> str:
    """Return the dataset of a value that passes from step to step: ``PIPELINE.STEP.VARIABLE``.

    What a name may not hold becomes '-'; such a name, and one that is too long, ends in digits
    of its own, so that no two values are called alike.
    """
    whole = f"{pipeline}.{step}.{variable}"
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", whole).lstrip("-_.")
    if plain == whole and len(plain) <= LONGEST:
        return plain
    digits = digest_of(whole.encode("utf-8", "surrogatepass")).partition(":")[2][:8]
    return f"{plain[: LONGEST - 9] or 'value'}-{digits}"


def _names(path: Path) -> Iterator[str]:
    """Yield names for a file: its own, that with its folder's before it, that with numbers."""
    own = name_of(path)
    yield own
    folder = name_of(Path(path.parent.name)) if path.parent.name else ""
    longer = f"{folder}-{own}"[:LONGEST] if folder else own
    yield longer
    for number in itertools.count(2):
        yield f"{longer[: LONGEST - 8]}-{number}"
