"""Contracts: what the columns of a dataset must look like, as pandera has it.

A contract is a Python file, drafted from a version and its profile, that people edit and keep
beside their notebooks. Names and values in it come from the data: each stands as Python's own
`repr`, so that none of them can be code.
"""

from __future__ import annotations

import contextlib
import runpy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.contract.report import FEW, ContractReport, DraftedContract, Finding
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.statistics import profile, tabular
from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.data.statistics.personal import is_personal_name, masked
from mlops_jupyter.errors import NotFoundError, UsageError, last_line, refused_by_disk
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file

if TYPE_CHECKING:
    from mlops_jupyter.data.contract.rule import Rule

EXAMPLES = 3


def write(
    project: Project, ref: str, path: Path | None = None, *, replace: bool = False
) -> DraftedContract:
    """Draft a contract from a version into a file.

    Parameters
    ----------
    project : Project
    ref : str
    path : Path, optional
        Default: ``contracts/DATASET.py`` in the project.
    replace : bool
        Write over a file that is there: people have edited it.

    Raises
    ------
    NotFoundError
        There is no such version.
    UsageError
        It is no table, pandera is not installed, or the file is there or cannot be written.
    """
    version = versions.resolve(project, ref)
    home = project.root / "contracts" / f"{version.dataset}.py" if path is None else path
    if home.exists() and not replace:
        raise UsageError(
            f"{home}: is there, and somebody may have edited it",
            hint="write elsewhere with --out FILE, or over it with --force",
        )
    text = draft(project, version.ref)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        replace_file(home, text.encode())
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"{home.parent}: is no folder", hint="write elsewhere: --out FILE"
        ) from None
    except OSError as error:
        raise refused_by_disk(home, error) from error
    with contextlib.suppress(ValueError):
        home = home.resolve().relative_to(Path.cwd())
    return DraftedContract(version.ref, str(home))


def draft(project: Project, ref: str) -> str:
    """Return a contract that a version holds, as the text of a Python file.

    Raises
    ------
    NotFoundError
        There is no such version.
    UsageError
        It is no table, or pandera is not installed.
    """
    _pandera()
    version = versions.resolve(project, ref)
    seen = profile.of(project, version.ref)
    frame = tabular.as_frame(profile.content_of(project, version), version.ref)
    if frame.shape[1] != len(seen.columns):  # a list of dicts, an array: pandas made the columns
        seen = profile.of_value(frame)
    with _in_full():
        return _written(version, frame, seen.columns)


def check(project: Project, ref: str, path: Path) -> ContractReport:
    """Hold a version against a contract. The file is executed: it is the project's own code.

    Raises
    ------
    NotFoundError
        There is no such version, or no such file.
    UsageError
        The file is no contract, the version no table, or pandera is not installed.
    """
    pandera = _pandera()
    version = versions.resolve(project, ref)
    schema = _schema(pandera, path)
    frame = tabular.as_frame(profile.content_of(project, version), version.ref)
    with _in_full():
        findings = tuple(_findings(pandera, schema, frame))
    return ContractReport(version.ref, str(path), len(frame), findings)


def _pandera() -> Any:
    try:
        import pandera.pandas as pandera
    except ImportError:
        raise UsageError(
            "contracts need pandera, which is not installed",
            hint="pip install 'mlops-jupyter[contract]'",
        ) from None
    return pandera


def _in_full() -> Any:
    """Have pandera check everything, whatever its environment variables say."""
    from pandera.config import ValidationDepth, config_context

    return config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA)


# --- draft -------------------------------------------------------------------------------------


def _written(version: DatasetVersion, frame: Any, columns: Sequence[ColumnProfile]) -> str:
    from mlops_jupyter.data.contract import rule
    from mlops_jupyter.data.contract.text import column_text, file_text

    lines, left_out = [], []
    for text, places in _places(frame).items():
        seen = columns[places[0]]
        made = None
        if text is not None and len(places) == 1:
            made = _that_holds(frame, places, rule.of(frame.iloc[:, places[0]], seen))
        elif text is not None:
            dtypes = {str(frame.dtypes.iloc[place]) for place in places}
            dtype = dtypes.pop() if len(dtypes) == 1 else None
            made = _that_holds(frame, places, rule.Rule(dtype, nullable=True))
        if made is None or text is None:
            left_out += [columns[place].name for place in places]
            continue
        if len(places) > 1:
            lines.append(f"        # {len(places)} columns have this name; of the first:")
        lines.append(column_text(text, made, seen))
    return file_text(version, lines, left_out)


def _places(frame: Any) -> dict[str | None, list[int]]:
    """Return where the columns of each label are; the label as Python, None: it has no such."""
    from mlops_jupyter.data.contract.text import label_text

    found: dict[str | None, list[int]] = {}
    written: dict[Any, str] = {}
    for place, label in enumerate(frame.columns):
        text = label_text(label)
        if text is not None:
            text = written.setdefault(label, text)  # 1, 1.0 and True are one key
        found.setdefault(text, []).append(place)
    return found


def _that_holds(frame: Any, places: list[int], strongest: Rule) -> Rule | None:
    """Return the strongest rule that pandera can check and that the column holds."""
    pandera = _pandera()
    alone = frame.iloc[:, places]
    for made in strongest.weaker():
        if _holds(pandera, frame.columns[places[0]], made, alone):
            return made
    return None


def _holds(pandera: Any, label: Any, rule: Rule, frame: Any) -> bool:
    try:
        pandera.DataFrameSchema({label: rule.built(pandera)}).validate(frame)
    except (
        pandera.errors.SchemaError, pandera.errors.SchemaInitError, TypeError, ValueError,
        KeyError, AttributeError, NotImplementedError, ArithmeticError,
    ):  # fmt: skip
        return False
    return True


# --- check -------------------------------------------------------------------------------------


def _schema(pandera: Any, path: Path) -> Any:
    if not path.is_file():
        raise NotFoundError("contract", str(path), hint="write one with `mlops data contract`")
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a file that people edit
        raise UsageError(f"{path}: {last_line(error)}") from None
    found: Any = names.get("schema")
    if hasattr(found, "to_schema"):  # a DataFrameModel
        found = found.to_schema()
    if not isinstance(found, pandera.DataFrameSchema):
        raise UsageError(
            f"{path}: no contract in it", hint="it needs `schema = pa.DataFrameSchema(…)`"
        )
    return found


def _findings(pandera: Any, schema: Any, frame: Any) -> Iterator[Finding]:
    looser = {}
    for name, column in schema.columns.items():
        found = [] if column.regex else list(_counted(frame, name, column))
        if found:
            # pandera lists each missing and each repeated value
            looser[name] = {"nullable": True, "unique": False}
            yield from found
    if looser:
        schema = schema.update_columns(looser)
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        yield from _told(error.failure_cases, frame)
    # a check of one's own that leaves by sys.exit would end a gate as if it had passed
    except (pandera.errors.SchemaError, TypeError, ValueError, SystemExit) as error:
        yield Finding(None, masked(last_line(error)))


def _counted(frame: Any, name: Any, column: Any) -> Iterator[Finding]:
    places = [place for place, label in enumerate(frame.columns) if _is_same(label, name)]
    if len(places) != 1:
        return
    values = frame.iloc[:, places[0]]
    missing = int(values.isna().sum())
    if missing and not column.nullable:
        yield Finding(str(name), "values are missing", missing)
    if column.unique:
        again = int(values.duplicated().sum())
        if again:
            yield Finding(str(name), "values are there more than once", again)


def _is_same(label: Any, name: Any) -> bool:
    return type(label) is type(name) and bool(label == name)


_WORDS = {
    "column_in_dataframe": "column is missing",
    "column_in_schema": "column is not in the contract",
    "not_nullable": "values are missing",
    "field_uniqueness": "values are there more than once",
}


def _told(cases: Any, frame: Any) -> Iterator[Finding]:
    """Put pandera's table of failing values in words."""
    is_type = cases["check"].astype(str).str.startswith("dtype(")
    of_other_type = set(cases["column"][is_type])  # no use to check their values
    for (column, test), group in cases.groupby(["column", "check"], sort=False, dropna=False):
        values = [str(value) for value in group["failure_case"].tolist()]
        if test in {"column_in_dataframe", "column_in_schema"}:
            for value in values:
                yield Finding(value[:200], _WORDS[test])
            continue
        is_of_frame = column is None or column != column
        name = "" if is_of_frame else str(column)
        if column in of_other_type:
            if not str(test).startswith("dtype("):
                continue
            wanted = str(test)[len("dtype('") : -len("')")].replace("string[pyarrow]", "str")
            yield Finding(name, f"is {_dtype(frame, name)}, not {wanted}")
            continue
        some = list(dict.fromkeys(values))[:EXAMPLES]
        shown = () if is_personal_name(name) else tuple(masked(value)[:60] for value in some)
        what = _WORDS.get(test, f"not {masked(str(test))[:200]}")
        many = len(group) >= FEW
        yield Finding(None if is_of_frame else name, what, len(group), shown, at_least=many)


def _dtype(frame: Any, name: str) -> str:
    """Return the dtype of a column; pandera gives a value in its place for some."""
    found = (str(dtype) for label, dtype in frame.dtypes.items() if str(label) == name)
    return next(found, "another type")[:100]
