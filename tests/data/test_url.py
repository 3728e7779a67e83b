"""What a URL gives is kept as a file, as it comes; no secret of the URL is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.files import url
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import (
    ConflictError,
    ExternalError,
    MlopsError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.project import Project
from tests.data.meddling import Meddling
from tests.s3_server import BUCKET, SECRET, S3Server, s3_server


@pytest.fixture
def memory() -> Iterator[Any]:
    """Return fsspec's file system in memory, empty again afterwards."""
    made = fsspec.filesystem("memory")
    yield made
    made.store.clear()


class Server(ThreadingHTTPServer):
    """A web server on this machine, that gives and refuses."""

    contents: dict[str, bytes]
    asked: list[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append(query)
        content = self.server.contents.get(path)
        status = 404 if content is None else 200
        if path == "/refused":
            status = 403
        self.send_response(status)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.contents, made.asked = {}, []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def test_what_a_url_gives_becomes_a_version(project: Project, memory: Any) -> None:
    content = os.urandom(20 * 2**20)
    memory.pipe("/bucket/raw data.bin", content)
    version = snapshot(project, "memory://bucket/raw data.bin", "raw")
    assert (version.kind, version.size_bytes) == ("file", len(content))
    assert version.source == Source("url", "memory://bucket/raw data.bin")
    copy = versions.load(project, "raw")
    assert (copy.name, copy.read_bytes()) == ("raw data.bin", content)


def test_a_url_and_a_file_with_the_same_bytes_are_one_version(
    project: Project, memory: Any, tmp_path: Path
) -> None:
    memory.pipe("/a.csv", b"a,b\n")
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    first = snapshot(project, "memory://a.csv", "raw")
    assert snapshot(project, tmp_path / "a.csv", "raw") == first
    assert snapshot(project, (tmp_path / "a.csv").as_uri(), "raw") == first


def test_the_next_version_of_a_url_keeps_what_is_new(project: Project, memory: Any) -> None:
    content = os.urandom(100_000)
    memory.pipe("/a.bin", content)
    snapshot(project, "memory://a.bin", "raw")
    memory.pipe("/a.bin", content + b"more")
    second = snapshot(project, "memory://a.bin", "raw")
    assert second.stored_bytes is not None
    assert second.stored_bytes < 1000


def test_a_web_page_is_kept_without_its_signature(project: Project, server: Server) -> None:
    server.contents["/data/train.csv"] = b"a,b\n1,2\n"
    asked = (
        f"http://user:hunter2@{server.address}/data/train.csv?X-Amz-Signature=cafe&token=hunter3"
    )
    version = snapshot(project, asked, "train")
    assert version.source == Source("url", f"http://{server.address}/data/train.csv")
    assert versions.load(project, "train").read_bytes() == b"a,b\n1,2\n"
    assert any("cafe" in query for query in server.asked)  # the server did get it
    project.catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    written = b"".join(p.read_bytes() for p in project.folder.rglob("*") if p.is_file())
    for secret in (b"hunter2", b"hunter3", b"cafe"):
        assert secret not in written


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://bucket/key.csv", "s3://bucket/key.csv"),
        ("s3://AKIA:secret@bucket/key.csv", "s3://bucket/key.csv"),
        ("https://u:p@host:8443/a/b.csv?sig=x#y", "https://host:8443/a/b.csv"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("https://[bad/a?sig=secret", "https://…"),
    ],
)
def test_no_secret_of_a_url_is_shown(given: str, shown: str) -> None:
    assert url.clean(given) == shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://a/b", True), ("https://a/b", True), ("zip://x::s3://a/b", True), ("a/b.csv", False),
        ("/a://b", False), ("C:/a", False), ("a:b@c", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_a_url(text: str, expected: bool) -> None:
    assert url.is_url(text) is expected


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as made:
        yield made


def test_an_object_of_s3(project: Project, s3: S3Server) -> None:
    content = os.urandom(12 * 2**20)
    s3.client().put_object(Bucket=BUCKET, Key="raw/big.bin", Body=content)
    version = snapshot(project, f"s3://{BUCKET}/raw/big.bin", "big")
    assert version.source == Source("url", f"s3://{BUCKET}/raw/big.bin")
    assert versions.load(project, "big").read_bytes() == content
    assert isinstance(refusal(project, f"s3://{BUCKET}/raw/none", "none"), NotFoundError)
    assert isinstance(refusal(project, "s3://nobodys/x", "none"), NotFoundError)
    s3.refuse = lambda *_: True
    error = refusal(project, f"s3://{BUCKET}/raw/big.bin", "none")
    assert isinstance(error, ExternalError)
    assert SECRET not in str(error)


# --- what cannot be kept --------------------------------------------------------------------------


def refusal(project: Project, text: str, name: str = "train") -> MlopsError:
    with pytest.raises(MlopsError) as caught:
        snapshot(project, text, name)
    assert "hunter" not in str(caught.value)
    assert name not in {one.name for one in versions.datasets(project)}
    return caught.value


def test_nothing_there(project: Project, memory: Any, server: Server) -> None:
    memory.pipe("/other", b"")
    for text in ("memory://gone.csv", f"http://{server.address}/gone.csv?token=hunter2"):
        assert isinstance(refusal(project, text), NotFoundError)


def test_a_server_that_refuses(project: Project, server: Server) -> None:
    error = refusal(project, f"http://u:hunter2@{server.address}/refused?token=hunter3")
    assert isinstance(error, ExternalError)
    assert "403" in error.message


def test_a_server_that_is_not_there(project: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = refusal(project, f"http://127.0.0.1:{port}/a.csv?token=hunter2")
    assert isinstance(error, ExternalError)
    assert error.hint is not None


def test_a_folder_of_a_store(project: Project, memory: Any) -> None:
    memory.pipe("/folder/a.csv", b"")
    error = refusal(project, "memory://folder")
    assert isinstance(error, UsageError)
    assert "is a folder" in error.message


def test_a_protocol_that_nobody_knows(project: Project) -> None:
    error = refusal(project, "gopher://host/a")
    assert isinstance(error, UsageError)
    assert "gopher" in error.message


def test_a_protocol_whose_package_is_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as Python says that a package is not there
    error = refusal(project, "gs://bucket/a.csv")
    assert isinstance(error, UsageError)
    assert error.hint == "pip install gcsfs"


@pytest.mark.parametrize("new", [b"longer than before", b"B" * 10])
def test_what_changes_while_it_is_read_is_a_conflict(tmp_path: Path, new: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a" * 10)
    os.utime(path, (0, 0))
    objects = Meddling(tmp_path / "objects", lambda: path.write_bytes(new))
    with pytest.raises(ConflictError, match="changed while it was read"):
        url.keep(objects, path.as_uri(), None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("memory://a/b%20c.csv", "b c.csv"), ("memory://a/..%2Fevil", "..-evil"),
        ("memory://a/%00x", "x"), ("memory://", "data"), ("memory://a/" + "ü" * 300, "ü" * 100),
    ],
)  # fmt: skip
def test_a_url_names_its_file_without_harm(text: str, name: str) -> None:
    assert url._name(text) == name


STREAM = """
import resource, sys
from mlops_jupyter.data.files import url
from mlops_jupyter.store.objects import Objects
from pathlib import Path
import fsspec.core
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kept = url.keep(Objects(Path("objects")), Path("big.bin").absolute().as_uri(), None)
print(kept.size_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_small(tmp_path: Path) -> None:
    with (tmp_path / "big.bin").open("wb") as made:
        made.truncate(400 * 2**20)
    done = subprocess.run(
        [sys.executable, "-c", STREAM], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    size, kilobytes = map(int, done.stdout.split())
    assert size == 400 * 2**20
    assert kilobytes < 150_000
