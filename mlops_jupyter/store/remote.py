"""A shared store: files under an address that fsspec knows, be it a folder, S3, GCS or Azure.

Every file in it is written in one step and never changes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from mlops_jupyter.errors import ExternalError, IntegrityError, UsageError
from mlops_jupyter.store.frames import is_whole, put_file
from mlops_jupyter.store.objects import replace_file

THREADS = 8
"""How many requests are under way at once."""

FEW = 4
"""So many names are asked for one by one; for more, all names are listed, 1,000 at a time."""

LARGEST_TEXT = 2**26
"""Bytes of a file that is read into memory."""

OBJECTS = "objects"

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "az": "azure",
           "abfss": "azure"}  # fmt: skip

_IN_ONE_STEP = frozenset(_EXTRAS) | {"memory"}
"""Stores that show a new file when it is whole."""

_FAILURES = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "gcsfs.retry": ("HttpError",),
    "azure.core.exceptions": ("AzureError",),
}
"""What the libraries raise beside OSError, by the module that defines it."""


class Remote:
    """Files under an address.

    Parameters
    ----------
    url : str
        A folder, or an address that fsspec knows. User name and password may stand in it: they
        are used and never shown.
    endpoint : str, optional
        Address of an S3 server that is not Amazon's.

    Raises
    ------
    UsageError
        The address is none, or the package for it is not installed.

    Attributes
    ----------
    shown : str
        The address without secrets.
    """

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        bare, options, self._secrets = _taken_apart(url)
        self.shown = _shown(bare)
        protocol = bare.partition("://")[0] if "://" in bare else "file"
        if endpoint is not None and _EXTRAS.get(protocol) == "s3":
            options["endpoint_url"] = endpoint
        self._fs, self._root = self._opened(bare, protocol, options)
        self._is_local = protocol in {"file", "local"}
        self._aside = protocol not in _IN_ONE_STEP

    def listed(self, folder: str) -> dict[str, int]:
        """Return the names of all files below a folder, from the root, and their sizes."""
        start = f"{self._root}/{folder}"
        with self._told():
            try:
                found = self._fs.find(start, detail=True)
            except FileNotFoundError:
                return {}
        return {
            path[len(self._root) + 1 :]: int(facts.get("size") or 0)
            for path, facts in found.items()
            if path.startswith(start + "/") and facts.get("type") != "directory"
        }

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Return those of the names that are there, and their sizes; one request for each."""
        with ThreadPoolExecutor(THREADS) as pool:
            found = zip(names, pool.map(self._size, names), strict=True)
            return {name: size for name, size in found if size is not None}

    def read(self, name: str) -> bytes:
        """Return a small file.

        Raises
        ------
        IntegrityError
            It is not there, or too large.
        """
        content = self.find(name)
        if content is None:
            raise IntegrityError(f"{self.shown}/{name}: missing")
        return content

    def find(self, name: str) -> bytes | None:
        """Return a small file, or None if it is not there.

        Raises
        ------
        IntegrityError
            It is too large.
        """
        with self._told():
            try:
                content: bytes = self._fs.cat_file(self._path(name), end=LARGEST_TEXT + 1)
            except FileNotFoundError:
                return None
        if len(content) > LARGEST_TEXT:
            raise IntegrityError(f"{self.shown}/{name}: too large")
        return content

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that must not be there; return False if it is: somebody was faster.

        Of two who create one name at once, one gets True: on a folder, S3, GCS and Azure. On
        other stores both may, if they do so within the time of three requests.
        """
        path = self._path(name)
        with self._told():
            if self._is_local:
                return _create_file(Path(path), content)
            if self._aside:
                return self._create_elsewhere(path, content)
            try:
                self._fs.pipe_file(path, content, **self._only_new())
            except FileExistsError:
                return False
            except Exception as error:
                if _code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412"}:
                    return False
                raise
        return True

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file of any size to `path`.

        Raises
        ------
        IntegrityError
            It is not there.
        """
        with self._told():
            try:
                self._fs.get_file(self._path(name), str(path))
            except FileNotFoundError:
                raise IntegrityError(f"{self.shown}/{name}: missing") from None

    def send(self, path: Path, name: str) -> None:
        """Copy a file of any size to the store, in one step."""
        target = self._path(name)
        with self._told():
            if self._is_local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                # bytes of their own: a disk that fails takes one store only
                put_file(path, Path(target), link=False)
            elif not self._aside:
                self._fs.put_file(str(path), target)
            else:
                temporary = self._temporary(target)
                self._fs.put_file(str(path), temporary)
                self._fs.mv(temporary, target)

    def _opened(self, url: str, protocol: str, options: dict[str, Any]) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            fs, root = url_to_fs(url, use_listings_cache=False, **options)
        except ImportError as error:
            extra = _EXTRAS.get(protocol)
            hint = f"pip install 'mlops-jupyter[{extra}]'" if extra else str(error)
            raise UsageError(f"a package for {protocol}:// is not installed", hint=hint) from None
        except ValueError as error:
            raise UsageError(
                f"not an address of a store: {self.shown!r}: {self._discreet(error)}",
                hint="a folder, s3://bucket/path, gs://bucket/path, abfs://container/path",
            ) from None
        return fs, str(root).rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _size(self, name: str) -> int | None:
        with self._told():
            try:
                return int(self._fs.info(self._path(name)).get("size") or 0)
            except FileNotFoundError:
                return None

    def _only_new(self) -> dict[str, Any]:
        if type(self._fs).__module__.startswith("adlfs"):
            return {"overwrite": False}
        return {"mode": "create"}

    def _temporary(self, path: str) -> str:
        folder, _, _ = path.rpartition("/")
        self._fs.makedirs(folder, exist_ok=True)
        return f"{folder}/.writing-{secrets.token_hex(8)}"

    def _create_elsewhere(self, path: str, content: bytes) -> bool:
        """Write where nothing is said of two at once: look, write, look who was last."""
        if self._fs.exists(path):
            return False
        temporary = self._temporary(path)
        self._fs.pipe_file(temporary, content)
        self._fs.mv(temporary, path)
        return bool(self._fs.cat_file(path) == content)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line, without secrets, why the store cannot be used."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, (OSError, *_failures())):
                raise
            raise ExternalError(
                f"{self.shown}: {self._discreet(error)}",
                hint="what is there already is not sent again; try once more",
            ) from None

    def _discreet(self, error: BaseException) -> str:
        text = " ".join(str(error).split()) or type(error).__name__
        for word in self._secrets:
            text = text.replace(word, "‹masked›")
        # a signed address is a password too
        return re.sub(r"(://)[^\s/@]*@|\?[^\s\"']*=[^\s\"']*", r"\1", text)[:300]


class RemoteObjects:
    """The objects of a shared store, as an `ObjectStore`: the same files as in a project."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def present(self, digests: Collection[str]) -> dict[str, int]:
        """Return those of the digests that are there, and the bytes that each takes."""
        names = {_object(digest): digest for digest in digests}
        few = len(names) <= FEW
        found = self._remote.sizes(list(names)) if few else self._remote.listed(OBJECTS)
        return {names[name]: size for name, size in found.items() if name in names}

    @contextlib.contextmanager
    def lend(self, digest: str, aside: Path) -> Iterator[Path]:
        """Bring a frame and verify it.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        ExternalError
            The store cannot be reached, or the disk here is full.
        """
        path = aside / f".writing-{secrets.token_hex(8)}"
        try:
            self._remote.fetch(_object(digest), path)
            if not is_whole(path, digest):
                raise IntegrityError(
                    f"{self._remote.shown}/{_object(digest)}: damaged, its content is not what "
                    "its name says"
                )
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, digest: str, frame: Path) -> None:
        """Take a copy of a verified frame, in one step."""
        self._remote.send(frame, _object(digest))


def _object(digest: str) -> str:
    name = digest.removeprefix("blake3:")
    return f"{OBJECTS}/{name[:2]}/{name}"


def _create_file(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        replace_file(whole, content)
        os.link(whole, path)
    except FileExistsError:
        return False
    finally:
        whole.unlink(missing_ok=True)
    return True


def _taken_apart(url: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """Return an address without user and password, what fsspec is told of them, and secrets."""
    if "\0" in url or not url.strip():
        raise UsageError("not an address of a store: it is empty")
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError as error:
        raise UsageError(f"not an address of a store: {error}") from None
    if "://" not in url or (user is None and password is None):
        return url, {}, ()
    names = ("key", "secret") if parts.scheme in {"s3", "s3a"} else ("username", "password")
    given = [unquote(word) if word else None for word in (user, password)]
    options = {name: word for name, word in zip(names, given, strict=True) if word}
    hidden = [word for word in (user, password, *given) if word]
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, options, tuple(dict.fromkeys(hidden))


def _shown(url: str) -> str:
    return url.partition("?")[0].rstrip("/")


def _failures() -> tuple[type[Exception], ...]:
    """Return the errors of the libraries that are in use."""
    loaded = ((sys.modules.get(module), names) for module, names in _FAILURES.items())
    found = [getattr(module, name, None) for module, names in loaded if module for name in names]
    return tuple(kind for kind in found if isinstance(kind, type))


def _code(error: BaseException) -> str:
    """Return the code with which an S3 or Azure or Google server refused."""
    for told in (error, error.__cause__):
        response = getattr(told, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", ""))
