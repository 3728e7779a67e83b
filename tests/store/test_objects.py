"""The object store: content comes back as it was written, or an error says that it cannot."""

from __future__ import annotations

import contextlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import blake3
import pytest

from mlops_jupyter.errors import ExternalError, IntegrityError, UsageError
from mlops_jupyter.store.objects import Objects, digest_of
from tests import full_disk

CONTENT = b"one, two, three, " * 40


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def files(objects: Objects) -> list[Path]:
    return sorted(path for path in objects.root.rglob("*") if path.is_file())


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, bytes(3_000_000)])
def test_content_comes_back(objects: Objects, content: bytes) -> None:
    digest = objects.write(content)

    assert digest == "blake3:" + blake3.blake3(content).hexdigest()
    assert objects.read(digest) == content
    assert objects.write(memoryview(content)) == digest


def test_the_same_content_is_written_once(objects: Objects) -> None:
    path = objects.path(objects.write(CONTENT))
    written = path.stat().st_mtime_ns, path.stat().st_ino

    objects.write(CONTENT)

    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written
    assert files(objects) == [path]


def test_a_flipped_bit_is_found_wherever_it_is(objects: Objects) -> None:
    digest = objects.write(CONTENT)
    path = objects.path(digest)
    frame = path.read_bytes()
    unnoticed = 0
    for position in range(len(frame)):
        for bit in range(8):
            broken = bytearray(frame)
            broken[position] ^= 1 << bit
            path.write_bytes(broken)
            with contextlib.suppress(IntegrityError):
                assert objects.read(digest) == CONTENT
                unnoticed += 1
    assert unnoticed <= 8  # bits of the frame's header that change nothing


def test_a_truncated_object_is_found_at_each_length(objects: Objects) -> None:
    digest = objects.write(CONTENT)
    path = objects.path(digest)
    frame = path.read_bytes()
    for length in range(len(frame)):
        path.write_bytes(frame[:length])
        with pytest.raises(IntegrityError, match="damaged"):
            objects.read(digest)


def test_one_object_in_the_place_of_another_is_found(objects: Objects) -> None:
    digest, other = objects.write(CONTENT), objects.write(b"other")
    objects.path(digest).write_bytes(objects.path(other).read_bytes())
    with pytest.raises(IntegrityError, match="not what its name says"):
        objects.read(digest)
    assert objects.read(other) == b"other"


def test_a_missing_object_is_named(objects: Objects) -> None:
    digest = objects.write(CONTENT)
    objects.path(digest).unlink()
    with pytest.raises(IntegrityError, match=digest.removeprefix("blake3:")) as caught:
        objects.read(digest)
    assert caught.value.exit_code == 8
    assert "backup" in str(caught.value.hint)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "blake3:../x", "sha256:" + "0" * 64, "blake3:" + "A" * 64]
)
def test_what_is_not_a_digest_is_refused(objects: Objects, name: str) -> None:
    with pytest.raises(UsageError, match="not a digest"):
        objects.read(name)


def test_a_store_whose_folder_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file where the folder should be")
    with pytest.raises(ExternalError, match="objects"):
        Objects(tmp_path / "objects").write(CONTENT)


def _write_all(root: Path) -> list[str]:
    return [Objects(root).write(b"%d" % number * 1000) for number in range(100)]


def test_processes_that_write_the_same_at_once(objects: Objects) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(_write_all, [objects.root] * 4))

    assert all(result == results[0] for result in results)
    assert len(files(objects)) == 100
    for number, digest in enumerate(results[0]):
        assert objects.read(digest) == b"%d" % number * 1000


FULL_DISK = """
import random, signal, sys
from pathlib import Path
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.store.objects import Objects
try:
    Objects(Path(sys.argv[1])).write(random.Random(0).randbytes(2_000_000))
except MlopsError as error:
    print(error.message)
    sys.exit(error.exit_code)
"""


def test_a_disk_that_takes_no_more_leaves_no_half_object(objects: Objects) -> None:
    objects.write(CONTENT)
    before = files(objects)
    # bytes a file may grow to: the same path in our code as a full disk
    full_disk.fails(FULL_DISK, str(objects.root), largest=1_000_000)
    assert files(objects) == before


def test_the_digest_is_that_of_the_blake3_specification() -> None:
    # https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json, input_len 0
    assert digest_of(b"") == (
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    )
