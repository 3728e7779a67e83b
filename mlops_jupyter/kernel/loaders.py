"""Libraries that open files natively, where no audit event tells of it.

Their functions are replaced by thin ones that note the path and call the original, when the
library is imported or, if it is already there, at once. A replacement bears the original's name,
module and signature, so that it is pickled by reference; classes stay themselves, only methods
of theirs are replaced. `uninstall` puts everything back.

What need not be here: pandas' other readers, numpy, scikit-learn, joblib, PyTorch, PIL and
LightGBM's models open files through Python.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from mlops_jupyter.kernel import events, texts
from mlops_jupyter.kernel.events import Access, Events

_POLARS_SINKS = tuple(
    f"LazyFrame.sink_{kind} 1 path write" for kind in ("csv", "ipc", "ndjson", "parquet")
)
_POLARS_WRITES = tuple(
    f"DataFrame.write_{kind} 1 file write"
    for kind in ("avro", "csv", "ipc", "ipc_stream", "json", "ndjson", "parquet")
)
_DUCKDB = (
    "{}execute {} query sql", "{}executemany {} query sql", "{}sql {} query sql",
    "{}query {} query sql", "{}from_query {} query sql", "{}query_df {} - sql",
    "{}read_csv {} path_or_buffer read", "{}from_csv_auto {} path_or_buffer read",
    "{}read_parquet {} file_glob read", "{}from_parquet {} file_glob read",
    "{}read_json {} path_or_buffer read",
)  # fmt: skip

LOADERS: dict[str, tuple[str, ...]] = {
    "pyarrow.lib": (
        "memory_map 0 path mode", "input_stream 0 source read", "output_stream 0 source write",
        "create_memory_map 0 path write",
    ),
    "pyarrow.ipc": (
        "open_file 0 source read", "open_stream 0 source read", "new_file 0 sink write",
        "new_stream 0 sink write",
    ),
    "pyarrow.parquet.core": (
        "read_table 0 source read", "read_pandas 0 source read", "read_schema 0 where read",
        "read_metadata 0 where read", "write_table 1 where write",
        "write_to_dataset 1 root_path write", "write_metadata 1 where write",
        "ParquetFile.__init__ 1 source read", "ParquetWriter.__init__ 1 where write",
        "ParquetDataset.__init__ 1 path_or_paths read",
    ),
    "pyarrow.dataset": (
        "dataset 0 source read", "parquet_dataset 0 metadata_path read",
        "write_dataset 1 base_dir write",
    ),
    "pyarrow._csv": (
        "read_csv 0 input_file read", "open_csv 0 input_file read",
        "write_csv 1 output_file write",
    ),
    "pyarrow._json": ("read_json 0 input_file read", "open_json 0 input_file read"),
    "pyarrow.feather": (
        "read_table 0 source read", "read_feather 0 source read", "write_feather 1 dest write",
    ),
    "pyarrow.orc": (
        "read_table 0 source read", "write_table 1 where write", "ORCFile.__init__ 1 source read",
        "ORCWriter.__init__ 1 where write",
    ),
    "polars.io.csv.functions": (
        "read_csv 0 source read", "scan_csv 0 source read", "read_csv_batched 0 source read",
    ),
    "polars.io.parquet.functions": (
        "read_parquet 0 source read", "scan_parquet 0 source read",
        "read_parquet_schema 0 source read", "read_parquet_metadata 0 source read",
    ),
    "polars.io.ipc.functions": (
        "read_ipc 0 source read", "scan_ipc 0 source read", "read_ipc_stream 0 source read",
        "read_ipc_schema 0 source read",
    ),
    "polars.io.ndjson": ("read_ndjson 0 source read", "scan_ndjson 0 source read"),
    "polars.io.json.read": ("read_json 0 source read",),
    "polars.io.lines": ("read_lines 0 source read", "scan_lines 0 source read"),
    "polars.io.avro": ("read_avro 0 source read",),
    "polars.io.delta.functions": ("read_delta 0 source read", "scan_delta 0 source read"),
    "polars.io.spreadsheet.functions": ("read_excel 0 source read", "read_ods 0 source read"),
    "polars.io.database.functions": (
        "read_database 0 query query", "read_database_uri 0 query query",
    ),
    "polars.sql.functions": ("sql 0 query sql",),
    "polars.dataframe.frame": _POLARS_WRITES,
    "polars.lazyframe.frame": _POLARS_SINKS,
    "duckdb": (
        "connect 0 database database", "DuckDBPyRelation.write_csv 1 file_name write",
        "DuckDBPyRelation.to_csv 1 file_name write",
        "DuckDBPyRelation.write_parquet 1 file_name write",
        "DuckDBPyRelation.to_parquet 1 file_name write",
        *(line.format("", 0) for line in _DUCKDB),
        *(line.format("DuckDBPyConnection.", 1) for line in _DUCKDB),
    ),
    "h5py._hl.files": ("File.__init__ 1 name mode",),
    "tables.file": ("open_file 0 filename mode",),
    "xgboost.core": (
        "DMatrix.__init__ 1 data uri", "QuantileDMatrix.__init__ 1 data uri",
        "Booster.load_model 1 fname read", "Booster.save_model 1 fname write",
    ),
    "lightgbm.basic": ("Dataset.__init__ 1 data read",),
    "cv2": ("imread 0 filename read", "imwrite 0 filename write"),
    "pandas.io.sql": (
        "read_sql 0 sql query", "read_sql_query 0 sql query", "read_sql_table 0 table_name query",
    ),
    "pandas.io.parquet": ("read_parquet 0 path read", "to_parquet 1 path write"),
    "multiprocessing.process": ("BaseProcess.start 0 self process",),  # `spawn` raises no event
    "fsspec.core": (
        "open_files 0 urlpath url", "url_to_fs 0 url url", "get_fs_token_paths 0 urlpath url",
    ),
}  # fmt: skip
"""Module, and in it: name, position and keyword of the argument, and what it says."""


def install() -> None:
    """Replace the functions of libraries that are there, and of others when they are imported."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name in LOADERS:
        module = sys.modules.get(name)
        if module is not None:
            _replace(module, name)


def uninstall() -> None:
    """Put the originals back."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    while _replaced:
        owner, name, replacement, original = _replaced.pop()
        if vars(owner).get(name) is replacement:
            setattr(owner, name, original)


_replaced: list[tuple[Any, str, Any, Any]] = []
"""Where something was replaced, and what by what."""


class _Finder:
    """Replaces a library's functions as soon as it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that others find, with a loader that replaces functions."""
        if name not in LOADERS:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                    return spec
        return None


_FINDER: Any = _Finder()


class _Loader:
    """Loads a module by its own loader, and is gone when that is done."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._original.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        module.__loader__ = self._original
        if spec is not None:
            spec.loader = self._original
        self._original.exec_module(module)
        _replace(module, module.__name__)


def _replace(module: ModuleType, name: str) -> None:
    """Replace the functions of a module, wherever its package has them under the same name."""
    package = name.partition(".")[0]
    for line in LOADERS[name]:
        path, position, keyword, says = line.split()
        owner_name, _, attribute = path.rpartition(".")
        owner = getattr(module, owner_name, None) if owner_name else module
        original = None if owner is None else vars(owner).get(attribute)
        if not callable(original) or hasattr(original, "__mlops_original__"):
            continue
        replacement = _noting(original, int(position), keyword, _NOTES[says])
        if not _set(owner, attribute, replacement, original) or owner_name:
            continue
        for other_name, other in list(sys.modules.items()):
            if other_name.partition(".")[0] in {package, f"_{package}"} and (
                getattr(other, "__dict__", {}).get(attribute) is original
            ):
                _set(other, attribute, replacement, original)


def _set(owner: Any, attribute: str, replacement: Any, original: Any) -> bool:
    try:
        setattr(owner, attribute, replacement)
    except (AttributeError, TypeError):  # a type of C that cannot be changed
        return False
    _replaced.append((owner, attribute, replacement, original))
    return True


_Note = Callable[[Events, Any, tuple[Any, ...], dict[str, Any]], None]


def _noting(original: Callable[..., Any], position: int, keyword: str, note: _Note) -> Any:
    """Return a function that notes one argument and calls the original."""

    @functools.wraps(original)
    def loader(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        noted = events.current
        if noted is not None:
            try:
                if len(arguments) > position:
                    note(noted, arguments[position], arguments, options)
                elif keyword in options:
                    note(noted, options[keyword], arguments, options)
            except (TypeError, ValueError, OSError, AttributeError, RecursionError):
                pass
        return original(*arguments, **options)

    loader.__mlops_original__ = original  # type: ignore[attr-defined]
    return loader


def _paths(given: Any) -> Iterable[str]:
    """Return the paths in an argument: one, or a list of them; nothing for open files."""
    if type(given) in {list, tuple, set, frozenset}:
        return [path for one in list(given)[: events.MOST_NOTED] for path in _paths(one)]
    if type(given) is int:  # an open file: noted when it was opened
        return ()
    path = events.path_of(given)
    if path is None and hasattr(type(given), "__fspath__"):
        try:
            path = events.path_of(os.fspath(given))
        except Exception:  # noqa: BLE001 - the user's own __fspath__; the library meets it too
            return ()
    return () if path is None else (path,)


def _note_path(
    noted: Events, given: Any, _: tuple[Any, ...], options: dict[str, Any], access: Access
) -> None:
    if type(given) is str and "://" not in given and given[:1] != "~" and not options:
        noted.note(given, access, "loaded")
        return
    system = options.get("filesystem")
    for path in _paths(given):
        if system is not None and "Local" not in type(system).__name__:
            kind = getattr(system, "type_name", None) or getattr(system, "protocol", None)
            noted.note_text(noted.urls, f"{kind if isinstance(kind, str) else 'remote'}://{path}")
        elif path.startswith("file://"):
            noted.note(path.removeprefix("file://"), access, "loaded")
        elif "://" in path:
            noted.note_text(noted.urls, path)
        else:
            noted.note(os.path.expanduser(path), access, "loaded")  # noqa: PTH111 - text


def _note_mode(
    noted: Events, given: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    at = 1 + next((i for i, one in enumerate(arguments) if one is given), 0)
    mode = options.get("mode", arguments[at] if len(arguments) > at else "r")
    access: Access = "append"
    if mode in {"r", None}:
        access = "read"
    elif mode in {"w", "w-", "x"}:
        access = "write"
    _note_path(noted, given, arguments, options, access)


def _note_uri(
    noted: Events, given: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    if type(given) is str:  # XGBoost: train.txt?format=libsvm#cache
        _note_path(noted, given.partition("?")[0].partition("#")[0], arguments, options, "read")


def _note_url(noted: Events, given: Any, _: tuple[Any, ...], __: dict[str, Any]) -> None:
    for path in _paths(given):
        if "://" in path and not path.startswith("file:"):
            noted.note_text(noted.urls, path)


def _note_query(noted: Events, given: Any, _: tuple[Any, ...], __: dict[str, Any]) -> None:
    text = given if type(given) is str else str(given) if _is_clause(given) else None
    if text is not None:
        noted.note_text(noted.queries, text.strip()[: texts.LONGEST])


def _note_process(noted: Events, _: Any, __: tuple[Any, ...], ___: dict[str, Any]) -> None:
    noted.starts_process = True


def _is_clause(given: Any) -> bool:
    return type(given).__module__.startswith("sqlalchemy.")


def _note_sql(noted: Events, given: Any, _: tuple[Any, ...], __: dict[str, Any]) -> None:
    """Note a query that the process itself runs: it may name files."""
    if type(given) is not str:
        return
    if texts.is_query(given):
        noted.note_text(noted.queries, given.strip()[: texts.LONGEST])
    for name in texts.literals_in(given):
        if "://" in name:
            noted.note_text(noted.urls, name)
        else:
            noted.note(os.path.expanduser(name), "read", "named")  # noqa: PTH111 - text


def _note_database(noted: Events, given: Any, _: tuple[Any, ...], __: dict[str, Any]) -> None:
    for path in _paths(given):
        if path and ":" not in path:
            noted.note_database(path)


_NOTES: dict[str, _Note] = {
    "read": functools.partial(_note_path, access="read"),
    "write": functools.partial(_note_path, access="write"),
    "mode": _note_mode,
    "uri": _note_uri,
    "url": _note_url,
    "query": _note_query,
    "sql": _note_sql,
    "database": _note_database,
    "process": _note_process,
}
