"""Versions that DVC has kept become versions of ours, with what DVC calls them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_jupyter.cli.main import main
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion, Source
from mlops_jupyter.data.files import dvc
from mlops_jupyter.data.files.dvc_import import import_dvc
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.project import Project

ROOT = Path(__file__).resolve().parents[2]
DVC = shutil.which("dvc") or str(ROOT / "build" / "bench-venv" / "bin" / "dvc")


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


class Repository:
    """What `dvc add` and `git commit` write, written by hand."""

    def __init__(self, root: Path, *, old: bool = False, cache: Path | None = None) -> None:
        self.root, self.old = root, old
        (root / ".dvc").mkdir(parents=True)
        (root / ".dvc" / "config").write_text("[core]\n    remote = far\n    analytics = false\n")
        self.cache = cache or root / ".dvc" / "cache"

    def git(self, *words: str) -> str:
        person = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(self.root), *person, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, subject: str) -> str:
        if not (self.root / ".git").exists():
            self.git("init", "--quiet")
        self.git("add", "*.dvc")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def object(self, digest: str) -> Path:
        home = self.cache if self.old else self.cache / "files" / "md5"
        return home / digest[:2] / digest[2:]

    def put(self, content: bytes, digest: str | None = None) -> str:
        digest = digest or md5(content)
        path = self.object(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
        return digest

    def add(self, name: str, content: bytes) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = self.put(content)
        self._point(path, digest, len(content))
        return digest

    def add_folder(self, name: str, contents: dict[str, bytes]) -> str:
        for inside, content in contents.items():
            path = self.root / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        rows = [{"md5": self.put(c), "relpath": n} for n, c in sorted(contents.items())]
        text = json.dumps(rows, sort_keys=True).encode()
        digest = self.put(text, f"{md5(text)}.dir")
        self._point(self.root / name, digest, sum(map(len, contents.values())))
        return digest

    def _point(self, path: Path, digest: str, size: int) -> None:
        out: dict[str, Any] = {"md5": digest, "size": size, "path": path.name}
        if not self.old:
            out["hash"] = "md5"
        path.with_name(f"{path.name}.dvc").write_text(yaml.safe_dump({"outs": [out]}))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def told(version: DatasetVersion) -> tuple[Any, ...]:
    assert version.source is not None
    assert version.source.kind == "dvc"
    facts = json.loads(version.source.parameters or "{}")
    return version.ref, version.note, version.source.text, facts


def content(project: Project, ref: str) -> Any:
    path = versions.load(project, ref)
    if path.is_dir():
        return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return path.name, path.read_bytes()


# --- sources --------------------------------------------------------------------------------------


def test_a_file_that_dvc_tracks_is_told_as_such(project: Project) -> None:
    repository = Repository(project.root)
    digest = repository.add("data/train.csv", b"a,b\n")
    version = snapshot(project, "data/train.csv", "train")
    assert version.source == Source("dvc", "data/train.csv", parameters=f'{{"md5":"{digest}"}}')


def test_a_folder_that_dvc_tracks_is_told_as_such(project: Project) -> None:
    repository = Repository(project.root)
    digest = repository.add_folder("images", {"a": b"1", "sub/b": b"2"})
    version = snapshot(project, "images", "images")
    assert version.source == Source("dvc", "images", parameters=f'{{"md5":"{digest}"}}')


@pytest.mark.parametrize("new", [b"a,c\n", b"longer than before"])
def test_a_file_that_is_no_longer_what_dvc_says(project: Project, new: bytes) -> None:
    Repository(project.root).add("train.csv", b"a,b\n")
    Path("train.csv").write_bytes(new)
    assert snapshot(project, "train.csv", "train").source == Source("file", "train.csv")


def test_a_folder_that_is_no_longer_what_dvc_says(project: Project) -> None:
    Repository(project.root).add_folder("images", {"a": b"1"})
    Path("images/a").write_bytes(b"2")
    assert snapshot(project, "images", "images").source == Source("folder", "images")


@pytest.mark.parametrize(
    "text",
    ["", "\0", "outs:", "outs: 7", "outs: [7, {}]", "- x", "outs: [{md5: x, path: train.csv}]",
     "outs: [{md5: 7, path: train.csv}]", "{", "!!python/object/apply:os.system [touch evil]"],
)  # fmt: skip
def test_what_is_no_dvc_file_stops_nothing(project: Project, text: str) -> None:
    Path("train.csv").write_bytes(b"a,b\n")
    Path("train.csv.dvc").write_text(text)
    assert snapshot(project, "train.csv", "train").source == Source("file", "train.csv")
    assert not Path("evil").exists()


# --- import ---------------------------------------------------------------------------------------


def test_each_committed_state_becomes_a_version(project: Project, repository: Repository) -> None:
    first = repository.add("data/train.csv", b"a,b\n")
    one = repository.commit("First delivery")
    second = repository.add("data/train.csv", b"a,b\n1,2\n")
    two = repository.commit("A row more")
    third = repository.add("data/train.csv", b"a,b\n3,4\n")

    done = import_dvc(project, repository.root)

    assert done.missing == ()
    assert [told(version) for version in done.versions] == [
        ("train@1", "First delivery", "data/train.csv", {"md5": first, "commit": one}),
        ("train@2", "A row more", "data/train.csv", {"md5": second, "commit": two}),
        ("train@3", None, "data/train.csv", {"md5": third}),
    ]
    assert content(project, "train@1") == ("train.csv", b"a,b\n")
    assert content(project, "train@2") == ("train.csv", b"a,b\n1,2\n")
    assert content(project, "train@3") == ("train.csv", b"a,b\n3,4\n")
    assert not list(project.folder.glob("importing-*"))


def test_a_second_import_brings_what_is_new(project: Project, repository: Repository) -> None:
    digest = repository.add("train.csv", b"a,b\n")
    repository.commit("First")
    first = import_dvc(project, repository.root)
    repository.object(digest).unlink()  # it is not needed any more
    repository.add("train.csv", b"c,d\n")
    repository.commit("Second")
    again = import_dvc(project, repository.root)
    assert again.versions[:1] == first.versions
    assert [version.ref for version in again.versions] == ["train@1", "train@2"]


def test_a_folder_is_put_together_from_the_cache(project: Project, repository: Repository) -> None:
    files = {"a.png": b"1", "sub/b.png": b"2", "same.png": b"1", "ü.png": b""}
    repository.add_folder("images", files)
    repository.commit("Images")
    repository.add_folder("images", {**files, "sub/b.png": b"changed"})
    repository.commit("One changed")
    shutil.rmtree(repository.root / "images")
    done = import_dvc(project, repository.root)
    assert [version.ref for version in done.versions] == ["images@1", "images@2"]
    assert content(project, "images@1") == files
    assert content(project, "images@2") == {**files, "sub/b.png": b"changed"}


def test_the_cache_of_dvc_before_3(project: Project, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", old=True)
    repository.add("train.csv", b"a,b\n")
    text = b"a,b\r\n1,2\r\n"
    digest = md5(text.replace(b"\r\n", b"\n"))  # it took line ends of text for the same
    repository.put(text, digest)
    (repository.root / "other.csv.dvc").write_text(f"outs: [{{md5: {digest}, path: other.csv}}]")
    done = import_dvc(project, repository.root)
    assert done.missing == ()
    assert content(project, "train") == ("train.csv", b"a,b\n")
    assert content(project, "other") == ("other.csv", text)


@pytest.mark.parametrize("name", ["config", "config.local"])
def test_a_cache_that_lies_elsewhere(project: Project, tmp_path: Path, name: str) -> None:
    repository = Repository(tmp_path / "repository", cache=tmp_path / "cache")
    (repository.root / ".dvc" / name).write_text(
        "[core]\n    remote = far\n['remote \"far\"']\n    url = s3://bucket\n"
        "    other = 50%\n[cache]\n    dir = ../../cache\n    type = hardlink\n"
    )
    repository.add("train.csv", b"a,b\n")
    import_dvc(project, repository.root)
    assert content(project, "train") == ("train.csv", b"a,b\n")


def test_one_file_of_a_repository(project: Project, repository: Repository) -> None:
    repository.add("a/train.csv", b"1")
    repository.add("b/train.csv", b"2")
    done = import_dvc(project, repository.root / "b" / "train.csv.dvc")
    assert [version.ref for version in done.versions] == ["train@1"]
    assert content(project, "train") == ("train.csv", b"2")


def test_two_files_of_one_name_are_two_datasets(project: Project, repository: Repository) -> None:
    repository.add("a/train.csv", b"1")
    repository.add("b/train.csv", b"2")
    done = import_dvc(project, repository.root)
    assert [version.ref for version in done.versions] == ["a-train@1", "b-train@1"]


def test_what_the_cache_has_not_is_told_and_the_others_come(
    project: Project, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = repository.add("train.csv", b"first")
    commit = repository.commit("First")
    repository.object(gone).unlink()
    repository.add("train.csv", b"second")
    repository.commit("Second")
    damaged = repository.add("broken.csv", b"third")
    repository.object(damaged).chmod(0o644)
    repository.object(damaged).write_bytes(b"rust")
    lost = repository.add_folder("images", {"a": b"1", "b": b"2"})
    repository.object(md5(b"2")).unlink()

    with pytest.raises(SystemExit) as ended:
        main(["import", "dvc", str(repository.root)])

    said = capsys.readouterr()
    assert ended.value.code == IntegrityError.exit_code
    assert said.out == "train@1  Second\n"
    assert said.err.splitlines() == [
        f"error: broken.csv of the working tree, md5 {damaged}: damaged in the cache",
        f"error: images of the working tree, md5 {lost}: b: not in the cache",
        f"error: train.csv of {commit[:8]}, md5 {gone}: not in the cache",
        "  hint: `dvc fetch --all-commits` brings what a remote has",
    ]
    assert [one.name for one in versions.datasets(project)] == ["train"]
    assert not list(project.folder.glob("importing-*"))


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil-of-dvc", "sub/../../evil", "nul\0"])
def test_a_list_that_leads_outside_is_refused(
    project: Project, repository: Repository, name: str
) -> None:
    rows = [{"md5": repository.put(b"evil"), "relpath": name}]
    text = json.dumps(rows).encode()
    digest = repository.put(text, f"{md5(text)}.dir")
    pointer = repository.root / "images.dvc"
    pointer.write_text(f"outs: [{{md5: {digest}, path: images}}]")
    [missing] = import_dvc(project, pointer).missing
    assert "outside" in missing.why
    assert not list(project.root.rglob("evil*"))
    assert not Path("/tmp/evil-of-dvc").exists()


def test_a_path_in_a_dvc_file_only_gives_a_name(project: Project, repository: Repository) -> None:
    digest = repository.put(b"x")
    pointer = repository.root / "x.dvc"
    pointer.write_text(f"outs: [{{md5: {digest}, hash: md5, path: ../../../etc/passwd}}]")
    [version] = import_dvc(project, pointer).versions
    assert content(project, version.ref) == ("passwd", b"x")


@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        ("nowhere", NotFoundError, "no file or folder"),
        ("plain", UsageError, "in no DVC repository"),
        ("repository", NotFoundError, r"no \.dvc file in"),
    ],
)
def test_nothing_to_import(
    project: Project, tmp_path: Path, place: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "plain").mkdir()
    Repository(tmp_path / "repository")
    with pytest.raises(error, match=said):
        import_dvc(project, tmp_path / place)


@pytest.mark.skipif(not Path(DVC).exists(), reason="there is no dvc")
def test_a_repository_of_the_real_dvc(project: Project, tmp_path: Path) -> None:
    root = tmp_path / "real"
    (root / "images").mkdir(parents=True)
    (root / "images" / "a.png").write_bytes(b"1")
    (root / "train.csv").write_bytes(b"a,b\r\n")

    def run(*words: str) -> None:
        environment = {
            **os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        }  # fmt: skip
        subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)

    run("git", "init", "--quiet")
    run(DVC, "init", "--quiet")
    run(DVC, "add", "--quiet", "train.csv", "images")
    run("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qam", "First")
    assert dvc.tracked(root / "train.csv") == md5(b"a,b\r\n")
    assert str(dvc.tracked(root / "images")).endswith(".dir")
    done = import_dvc(project, root)
    assert done.missing == ()
    assert content(project, "train") == ("train.csv", b"a,b\r\n")
    assert content(project, "images") == {"a.png": b"1"}
