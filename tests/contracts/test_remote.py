"""One suite over every object store: those of a project, in a folder, and in a bucket of S3."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mlops_jupyter.errors import ExternalError, IntegrityError, UsageError
from mlops_jupyter.store.frames import LocalFrames, ObjectStore
from mlops_jupyter.store.objects import Objects, digest_of
from mlops_jupyter.store.remote import FEW, Remote, RemoteObjects
from tests.s3_server import BUCKET, KEY, SECRET, S3Server, s3_server

CONTENT = b"one, two, three, " * 1000
DIGEST = digest_of(CONTENT)

Damage = Callable[[str, bytes | None], None]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(params=["project", "folder", "s3"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ObjectStore, Damage]:
    """Return an empty store, and what puts other bytes in the place of an object's."""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("server")
        prefix = tmp_path.name

        def put(digest: str, frame: bytes | None) -> None:
            name = digest.removeprefix("blake3:")
            key: Any = {"Bucket": BUCKET, "Key": f"{prefix}/objects/{name[:2]}/{name}"}
            if frame is None:
                server.client().delete_object(**key)
            else:
                server.client().put_object(**key, Body=frame)

        return RemoteObjects(Remote(f"s3://{BUCKET}/{prefix}")), put

    def write(digest: str, frame: bytes | None) -> None:
        name = digest.removeprefix("blake3:")
        path = tmp_path / "store" / "objects" / name[:2] / name
        path.unlink(missing_ok=True)
        if frame is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(frame)

    if request.param == "project":
        return LocalFrames(Objects(tmp_path / "store" / "objects")), write
    return RemoteObjects(Remote(str(tmp_path / "store"))), write


@pytest.fixture
def store(made: tuple[ObjectStore, Damage]) -> ObjectStore:
    return made[0]


@pytest.fixture
def damage(made: tuple[ObjectStore, Damage]) -> Damage:
    return made[1]


def frame_of(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def keep(store: ObjectStore, content: bytes, folder: Path) -> str:
    path = folder / "frame"
    path.write_bytes(frame_of(content))
    store.keep(digest_of(content), path)
    path.unlink()
    return digest_of(content)


def lent(store: ObjectStore, digest: str, folder: Path) -> bytes:
    with store.lend(digest, folder) as path:
        return zstandard.ZstdDecompressor().decompress(path.read_bytes())


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "one byte", "more"])
def test_what_is_kept_is_lent(store: ObjectStore, tmp_path: Path, content: bytes) -> None:
    digest = keep(store, content, tmp_path)
    keep(store, content, tmp_path)
    assert lent(store, digest, tmp_path) == content
    assert lent(store, digest, tmp_path) == content


@pytest.mark.parametrize("count", [1, FEW + 1], ids=["asked one by one", "listed"])
def test_what_is_there_is_known_with_its_size(
    store: ObjectStore, tmp_path: Path, count: int
) -> None:
    contents = [bytes([n]) * 5000 for n in range(count)]
    there = [keep(store, content, tmp_path) for content in contents]
    missing = [digest_of(f"absent {n}".encode()) for n in range(count)]
    sizes = dict(zip(there, (len(frame_of(content)) for content in contents), strict=True))
    assert store.present([*there, *missing]) == sizes
    assert store.present([]) == {}


def test_what_is_missing_is_named(store: ObjectStore, tmp_path: Path) -> None:
    with (
        pytest.raises(IntegrityError, match=f"{DIGEST[7:]}.*missing"),
        store.lend(DIGEST, tmp_path),
    ):
        pass


OTHER = {
    "another object's": frame_of(b"something else"),
    "cut short": frame_of(CONTENT)[:-7],
    "no frame": b"\x00" * 40,
    "empty": b"",
    "more than it says": frame_of(CONTENT)[:5] + b"\x10" + frame_of(CONTENT)[6:],
    "of unknown size": zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT),
    "a bomb": frame_of(bytes(2**28)),
}


@pytest.mark.parametrize("frame", OTHER.values(), ids=OTHER)
def test_other_bytes_are_never_lent(
    store: ObjectStore, damage: Damage, tmp_path: Path, frame: bytes
) -> None:
    damage(DIGEST, frame)
    with (
        pytest.raises(IntegrityError, match=f"{DIGEST[7:]}.*damaged"),
        store.lend(DIGEST, tmp_path),
    ):
        pass
    assert list(tmp_path.glob(".writing-*")) == []


def test_many_threads_keep_the_same_object(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "frame"
    path.write_bytes(frame_of(CONTENT))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.keep(DIGEST, path), range(16)))
    assert lent(store, DIGEST, tmp_path) == CONTENT


@pytest.fixture(params=["folder", "s3", "memory"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "s3":
        request.getfixturevalue("server")
        return Remote(f"s3://{BUCKET}/{tmp_path.name}")
    address = {"folder": str(tmp_path / "store"), "memory": f"memory://{tmp_path.name}"}
    return Remote(address[request.param])


def test_a_name_is_created_once(remote: Remote) -> None:
    assert remote.create("versions/train/1", b"mine")
    assert not remote.create("versions/train/1", b"yours")
    assert remote.read("versions/train/1") == b"mine"
    assert remote.listed("versions") == {"versions/train/1": 4}
    assert remote.listed("rows") == {}


def test_of_many_who_create_one_name_one_does(remote: Remote) -> None:
    if remote.shown.startswith("memory"):
        pytest.skip("nothing is shared between processes there")
    together = threading.Barrier(8)

    def create(number: int) -> bool:
        together.wait()
        return remote.create("versions/train/1", b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert remote.read("versions/train/1") == b"%d" % won.index(True)


def test_a_store_that_cannot_be_reached_is_said_in_one_line_without_secrets() -> None:
    remote = Remote(f"s3://{KEY}:{SECRET.replace('/', '%2F')}@bucket/x", "http://127.0.0.1:9")
    assert remote.shown == "s3://bucket/x"
    with pytest.raises(ExternalError) as failed:
        remote.read("mlops.json")
    said = str(failed.value)
    assert "connect" in said.lower()
    assert SECRET not in said
    assert KEY not in said


def test_keys_in_the_address_are_used(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    keys = f"{KEY}:{SECRET.replace('/', '%2F').replace('+', '%2B')}"
    remote = Remote(f"s3://{keys}@{BUCKET}/{tmp_path.name}", server.endpoint)
    assert remote.create("a", b"1")
    assert remote.read("a") == b"1"


def test_a_refusal_names_the_cause(server: S3Server, tmp_path: Path) -> None:
    remote = Remote(f"s3://{BUCKET}/{tmp_path.name}")
    server.refuse = lambda method, _path: method == "PUT"
    try:
        with pytest.raises(ExternalError, match=rf"s3://{BUCKET}/{tmp_path.name}: .*not today"):
            remote.create("a", b"1")
    finally:
        server.refuse = lambda _method, _path: False


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gs://bucket/x", r"gs:// is not installed\n.*mlops-jupyter\[gcs\]"),
        ("abfs://container/x", r"abfs:// is not installed\n.*mlops-jupyter\[azure\]"),
        ("nonsense://x", "not an address"),
        ("", "empty"),
        ("s3://[x", "not an address"),
    ],
)
def test_an_address_that_is_none_is_refused(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    with pytest.raises(UsageError, match=said):
        Remote(url)
