"""Who made the versions of a dataset: the run, else the cell."""

from __future__ import annotations

from mlops_jupyter.project import Project


def makers(project: Project, dataset: str) -> dict[int, str]:
    """Return for people, by number, the run or the cell that took each version first.

    Versions that no recorded cell took are left out.
    """
    rows = project.catalog.rows(
        "SELECT number, position, notebook, run_id, run_name FROM ("
        " SELECT number, min(execution_id), position, cell_execution.notebook, run_id,"
        " run.name AS run_name FROM dataset_version"
        " JOIN execution_made ON version_id = dataset_version.id"
        " JOIN cell_execution ON cell_execution.id = execution_id"
        " LEFT JOIN run ON run.id = run_id WHERE dataset = ? GROUP BY number)",
        (dataset,),
    )
    return {row["number"]: _words(dict(row)) for row in rows}


def _words(row: dict[str, str]) -> str:
    if row["run_id"]:
        return f"run {row['run_name']} {row['run_id'][:8]}"
    notebook = (row["notebook"] or "").rpartition("/")[2]
    return f"{notebook or 'a kernel'} [{row['position']}]"
