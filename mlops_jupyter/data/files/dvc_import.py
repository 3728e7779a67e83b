"""The versions of a DVC repository, as data versions of ours."""

from __future__ import annotations

import configparser
import os
import secrets
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion, Source
from mlops_jupyter.data.files import dvc
from mlops_jupyter.data.files.dvc import FOLDER_ENDING, Tracked
from mlops_jupyter.data.naming import name_of
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ExternalError, NotFoundError, UsageError, refused_by_disk
from mlops_jupyter.project import Project


class Missing(msgspec.Struct, frozen=True):
    """A version that could not be imported.

    Attributes
    ----------
    path : str
        Of the data, from the repository's root.
    md5 : str
    commit : str or None
        Of the version; None for the state of the working tree.
    why : str
        In words.
    """

    path: str
    md5: str
    commit: str | None
    why: str


class Imported(msgspec.Struct, frozen=True):
    """What `import_dvc` brought, oldest first, and what it could not."""

    versions: tuple[DatasetVersion, ...]
    missing: tuple[Missing, ...]


class _State(msgspec.Struct, frozen=True):
    """What one commit, or the working tree, says that a ``.dvc`` file tracks."""

    tracked: Tracked
    path: str
    commit: str | None = None
    subject: str | None = None


def import_dvc(project: Project, place: Path | str) -> Imported:
    """Bring the files and folders that DVC tracks, each committed state of them as a version.

    Parameters
    ----------
    project : Project
    place : path
        A ``.dvc`` file, or a folder in a DVC repository: all such files in it and below it.

    Raises
    ------
    NotFoundError
        There is no such file or folder, or no ``.dvc`` file in it.
    UsageError
        It lies in no DVC repository.
    ExternalError
        The disk is full, or git does not answer.
    """
    start = Path(os.path.abspath(place))  # noqa: PTH100 - links are not followed
    if not start.exists():
        raise NotFoundError("file or folder", str(place))
    repository = _Repository(start)
    pointers = [start] if start.is_file() else _pointers(start)
    if not pointers:
        raise NotFoundError(".dvc file in", str(place))
    states = [state for pointer in pointers for state in _states(repository, pointer)]
    names = _names({state.path for state in states})
    brought: dict[str, DatasetVersion] = {}
    missing: list[Missing] = []
    for state in states:
        done = _import(project, repository, state, names[state.path])
        if isinstance(done, Missing):
            missing.append(done)
        else:
            brought.setdefault(done.ref, done)
    return Imported(tuple(brought.values()), tuple(missing))


def _names(paths: set[str]) -> dict[str, str]:
    """Return a dataset's name for each path; the folder counts where two would have the same."""
    short = {path: name_of(Path(path)) for path in paths}
    taken = Counter(short.values())
    return {
        path: name if taken[name] == 1 else name_of(Path(path.replace("/", "-")))
        for path, name in short.items()
    }


class _Repository:
    """A folder with ``.dvc/``, and its cache."""

    def __init__(self, start: Path) -> None:
        root = next((f for f in (start, *start.parents) if (f / ".dvc").is_dir()), None)
        if root is None:
            raise UsageError(f"{start}: lies in no DVC repository", hint="one has a folder .dvc")
        self.root = root
        self.cache = self._cache_folder()

    def content(self, md5: str) -> Path | None:
        """Return where the cache holds what has this MD5; None: nowhere."""
        place = f"{md5[:2]}/{md5[2:]}"
        for folder in (self.cache / "files" / "md5", self.cache):  # since DVC 3, and before
            if (folder / place).is_file():
                return folder / place
        return None

    def _cache_folder(self) -> Path:
        home = self.root / ".dvc"
        found = home / "cache"
        for name in ("config", "config.local"):
            settings = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                settings.read_string((home / name).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, configparser.Error):
                continue
            told = settings.get("cache", "dir", fallback=None)
            found = home / Path(told).expanduser() if told else found
        return found


def _pointers(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in {".git", ".dvc", ".mlops"})
        found += [Path(place, name) for name in sorted(names) if name.endswith(".dvc")]
    return [path for path in found if path.is_file()]


def _states(repository: _Repository, pointer: Path) -> Iterator[_State]:
    """Give what a ``.dvc`` file said in each commit that changed it, and says now."""
    name = pointer.relative_to(repository.root).as_posix()
    folder = name.rpartition("/")[0]
    last: tuple[Tracked, ...] = ()
    for commit, subject in _history(repository.root, name):
        text = _git(repository.root, "show", f"{commit}:./{name}")
        last = dvc.read(text or b"")
        for one in last:
            yield _State(one, _joined(folder, one.path), commit, subject)
    try:
        now = dvc.read(pointer.read_bytes())
    except OSError as error:
        raise refused_by_disk(pointer, error) from error
    for one in now:
        if one not in last:
            yield _State(one, _joined(folder, one.path))


def _history(root: Path, name: str) -> list[tuple[str, str]]:
    text = _git(root, "log", "--reverse", "--format=%H%x00%s", "--", name)
    lines = (text or b"").decode(errors="replace").splitlines()
    return [(commit, subject) for commit, _, subject in (line.partition("\0") for line in lines)]


def _git(root: Path, *words: str) -> bytes | None:
    """Return what git says; None, where there is no git, no repository or no such file."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, check=False, timeout=600
        )
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExternalError(f"{root}: git does not answer: {type(error).__name__}") from None
    return done.stdout if done.returncode == 0 else None


def _joined(folder: str, path: str) -> str:
    return os.path.normpath(f"{folder}/{path}" if folder else path)


def _import(
    project: Project, repository: _Repository, state: _State, name: str
) -> DatasetVersion | Missing:
    known = _known(project, name, state)
    if known is not None:
        return known
    aside = project.folder / f"importing-{secrets.token_hex(8)}"
    made = aside / (Path(state.path).name or "data")
    try:
        aside.mkdir()
        why = _build(repository, state, made)
        if why is not None:
            return Missing(state.path, state.tracked.md5, state.commit, why)
        facts = {"md5": state.tracked.md5, "commit": state.commit}
        told = {word: fact for word, fact in facts.items() if fact}
        source = Source("dvc", state.path, parameters=msgspec.json.encode(told).decode())
        return snapshot(project, made, name, state.subject, source=source)
    except OSError as error:
        raise refused_by_disk(made, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _known(project: Project, name: str, state: _State) -> DatasetVersion | None:
    """Return the version that an import of before made of this, if it is still there."""
    row = project.catalog.row(
        "SELECT digest FROM dataset_version WHERE dataset = ? AND gone_at IS NULL"
        " AND json_extract(source, '$.kind') = 'dvc'"
        " AND json_extract(json_extract(source, '$.parameters'), '$.md5') = ?"
        " ORDER BY number LIMIT 1",
        (name, state.tracked.md5),
    )
    version = versions.find(project, name, row["digest"]) if row else None
    return version if version and versions.is_there(project, version) else None


def _build(repository: _Repository, state: _State, path: Path) -> str | None:
    """Put a file or folder together from the cache; return why not, if that cannot be."""
    one = state.tracked
    if not one.md5.endswith(FOLDER_ENDING):
        return _put(repository, one.md5, path, is_old=one.is_old)
    found = repository.content(one.md5)
    if found is None:
        return "its list of files is not in the cache"
    content = found.read_bytes()
    rows = dvc.folder_list(content)
    if rows is None or dvc.md5_of(content) + FOLDER_ENDING != one.md5:
        return "its list of files is damaged in the cache"
    path.mkdir()
    for name, md5 in rows:
        inside = path / name
        if ".." in Path(name).parts or Path(name).is_absolute() or "\0" in name:
            return f"its list names a file outside: {name[:80]!r}"
        inside.parent.mkdir(parents=True, exist_ok=True)
        why = _put(repository, md5, inside, is_old=one.is_old)
        if why is not None:
            return f"{name}: {why}"
    return None


def _put(repository: _Repository, md5: str, path: Path, *, is_old: bool) -> str | None:
    found = repository.content(md5)
    if found is None:
        return "not in the cache"
    if md5 not in {dvc.md5_of_file(found), dvc.md5_of_file(found, as_text=True) if is_old else ""}:
        return "damaged in the cache"
    try:
        os.link(found, path)
    except OSError:
        shutil.copyfile(found, path)  # another file system
    return None
