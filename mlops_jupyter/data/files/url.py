"""What a URL gives, kept as a file: any protocol that fsspec knows."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.files import file, pieces
from mlops_jupyter.data.files.file import Kept
from mlops_jupyter.errors import ConflictError, ExternalError, MlopsError, NotFoundError, UsageError
from mlops_jupyter.store.objects import Objects

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)")

_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
    "abfss": "adlfs", "http": "aiohttp", "https": "aiohttp", "sftp": "paramiko", "ssh": "paramiko",
    "smb": "smbprotocol", "hdfs": "pyarrow", "webhdfs": "requests", "oss": "ossfs",
    "hf": "huggingface_hub", "github": "requests",
}  # fmt: skip


def is_url(text: str) -> bool:
    """Tell whether a text names something by its protocol: ``s3://…``."""
    return _URL.match(text) is not None


def clean(url: str) -> str:
    """Return a URL without user, password, query and fragment, where signatures and tokens are."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return url.partition("://")[0] + "://…"


def keep(objects: Objects, url: str, before: Mapping[str, Any] | None) -> Kept:
    """Keep what a URL gives, as it comes: memory stays small for any size.

    Parameters
    ----------
    objects : Objects
    url : str
    before : dict or None
        The manifest of the version before.

    Raises
    ------
    NotFoundError
        There is nothing at the URL.
    UsageError
        It is a folder, or the package for its protocol is not installed.
    ConflictError
        It changed while it was read.
    ExternalError
        The server does not answer, or refuses.
    """
    shown = clean(url)
    with _errors(url, shown):
        import fsspec

        files, path = fsspec.core.url_to_fs(url)
        facts = files.info(path)
        if facts.get("type") == "directory":
            raise UsageError(
                f"{shown}: is a folder; only files can be kept from a URL",
                hint="copy it here first",
            )
        # blocks in advance would be read in vain: it is read once, from start to end
        with files.open(
            path, "rb", cache_type="readahead", block_size=pieces.PIECE_BYTES
        ) as source:
            kept = file.write_stream(
                objects, _chunks(source), _name(shown), facts.get("size"), before
            )
        files.invalidate_cache(path)
        if _mark(files.info(path)) != _mark(facts) or kept.size_bytes != (
            facts.get("size") or kept.size_bytes
        ):
            raise ConflictError(
                f"{shown}: changed while it was read", hint="take it again when nobody writes to it"
            )
    return msgspec.structs.replace(kept, source=Source("url", shown))


def _name(url: str) -> str:
    # what may stand in a URL may not all stand in the name of a file
    name = unquote(PurePosixPath(urlsplit(url).path).name).replace("/", "-").replace("\0", "")
    return name.encode()[:200].decode(errors="ignore") if name.strip(".") else "data"


def _mark(facts: Mapping[str, Any]) -> tuple[str, ...]:
    names = (
        "size",
        "ETag",
        "etag",
        "LastModified",
        "mtime",
        "created",
        "ino",
        "generation",
        "content_md5",
    )
    return tuple(str(facts.get(name)) for name in names)


def _chunks(source: Any) -> Iterator[bytes]:
    rest = b""
    while chunk := source.read(pieces.PIECE_BYTES - len(rest)):
        rest += chunk  # a stream may give less than it was asked for
        if len(rest) == pieces.PIECE_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest


@contextlib.contextmanager
def _errors(url: str, shown: str) -> Iterator[None]:
    """Say in our words why a URL cannot be read; never with what `clean` takes away."""
    protocol = url.partition("://")[0].rpartition("::")[2].lower()
    try:
        yield
    except MlopsError:
        raise
    except ImportError as error:
        package = _PACKAGES.get(protocol, error.name or "the package of this protocol")
        raise UsageError(
            f"{shown}: {package} is not installed", hint=f"pip install {package}"
        ) from None
    except FileNotFoundError as error:
        # of the web, whatever went wrong is called so
        cause = error.__cause__ if protocol.startswith("http") else None
        if isinstance(cause, Exception) and getattr(cause, "status", None) not in {404, 410}:
            raise _failed(shown, cause) from None
        raise NotFoundError("file", shown) from None
    except ValueError as error:
        if "Protocol not known" in str(error):
            raise UsageError(f"{shown}: no such protocol: {protocol}") from None
        raise _failed(shown, error) from None
    except Exception as error:  # noqa: BLE001 - the library of each protocol has errors of its own
        raise _failed(shown, error) from None


def _failed(shown: str, error: Exception) -> ExternalError:
    # its text is not shown: it may hold the URL as it was given, signature and all
    reason = getattr(error, "strerror", None) or type(error).__name__
    status = getattr(error, "status", None)
    said = f"{reason} {status}" if status else str(reason)
    if "://" in said or "@" in said:
        said = type(error).__name__
    return ExternalError(
        f"{shown}: {said}", hint="check the address and the credentials, try again"
    )
