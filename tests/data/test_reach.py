"""What a version needs is found from its manifest, whatever its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.reach import objects_of
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project


def values() -> dict[str, Any]:
    random = np.random.default_rng(0)
    file = Path("raw.csv")
    file.write_text("a,b\n" * 5000)
    folder = Path("folder")
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.txt").write_text(str(n) * 1000)
    return {
        "small": pd.DataFrame({"a": [1, 2], "o": [{"x": 1}, None]}),
        "large": pd.DataFrame(random.normal(size=(200_000, 3)), columns=list("abc")),
        "named": pd.DataFrame(
            {"c": pd.Categorical(["x"], categories=pd.Index(["x", "y"], name="n" * 20_000))}
        ),
        "file": file,
        "folder": folder,
    }


def change(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return pd.concat([value, value.tail(1)], ignore_index=True)
    path = value if value.is_file() else next(iter(sorted(value.iterdir())))
    path.write_text(path.read_text() + "one more line\n")
    return value


@pytest.mark.parametrize("kind", ["small", "large", "named", "file", "folder"])
def test_with_these_objects_alone_each_version_loads(project: Project, kind: str) -> None:
    value = values()[kind]
    for _ in range(6):
        snapshot(project, value, "train")
        value = change(value)
    for version in versions.dataset(project, "train").versions:
        needed = objects_of(project.objects, version.manifest)
        others = [
            path
            for path in project.objects.root.rglob("*")
            if path.is_file() and f"blake3:{path.name}" not in needed
        ]
        aside = [(path, path.rename(path.with_suffix(".aside"))) for path in others]
        versions.load(project, version.ref)
        for path, moved in aside:
            moved.rename(path)
        for digest in needed:
            assert project.objects.path(digest).exists()


def test_words_that_look_like_objects_are_none(project: Project) -> None:
    digest = "blake3:" + "0" * 64
    version = snapshot(project, pd.DataFrame({digest: [digest]}), "train")
    assert digest not in objects_of(project.objects, version.manifest)


@pytest.mark.parametrize("content", [b"[1]", b"no JSON", b"[" * 50_000, b"\xff"])
def test_what_is_no_manifest_is_refused(project: Project, content: bytes) -> None:
    with pytest.raises(IntegrityError, match="not the manifest"):
        objects_of(project.objects, project.objects.write(content))


def test_a_place_in_a_pack_is_the_pack(project: Project) -> None:
    pack = "blake3:" + "a" * 64
    tree = {"leaf": {"chunks": [f"{pack}+0+10", f"{pack}+10+5"]}, "digest": "blake3:" + "b" * 64}
    manifest = project.objects.write(json.dumps(tree).encode())
    assert objects_of(project.objects, manifest) == {manifest, pack}
