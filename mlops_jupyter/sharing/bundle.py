"""Bundles: the rows of one run, one data version, one decision … as a file that never changes.

See docs/sharing.md for the format.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import zstandard

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.store.objects import digest_of

FORMAT = 1
LARGEST_BYTES = 2**28
"""Of a bundle's text: one that says it has more is damaged, or a trap."""

VERSION = "version"
VERSIONS = "versions"
ROWS = "rows"

Value = str | int | float | list[str | int] | None
Tables = dict[str, list[dict[str, Value]]]

_ROW_NAME = re.compile(
    rf"{ROWS}/(?P<kind>[a-z]{{1,20}})/(?P<id>[A-Za-z0-9][A-Za-z0-9_.@-]{{0,400}})"
    r"\.(?P<digits>[0-9a-f]{16})"
)
_VERSION_NAME = re.compile(
    rf"{VERSIONS}/(?P<dataset>{NAME.pattern})/(?P<number>[1-9][0-9]{{0,8}})"
    r"(?:~(?P<revision>[1-9][0-9]{0,5}))?"
)


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that belong together.

    Attributes
    ----------
    format : int
    kind : str
        What they are of, see `mlops_jupyter.sharing.tables`.
    id : str
        Which one of that kind.
    tables : dict of str to list of rows
        By table; each row by column. A row of another table stands as what names it
        everywhere: a data version as dataset and digest, an execution as session and position.
    """

    format: int
    kind: str
    id: str
    tables: Tables

    @property
    def name(self) -> str:
        """Where it lies in the shared store."""
        if self.kind == VERSION:
            return f"{VERSIONS}/{self.id.replace('@', '/')}"
        return f"{ROWS}/{self.kind}/{self.id}.{digest_of(self.text).partition(':')[2][:16]}"

    @property
    def ref(self) -> str:
        """How people write it: ``train@3`` of a data version."""
        return self.id.partition("~")[0]

    @property
    def content(self) -> str:
        """The digest of what a data version holds."""
        return str(self.tables["dataset_version"][0]["digest"])

    @property
    def text(self) -> bytes:
        """The rows as JSON: the same rows, the same bytes."""
        content = {f: getattr(self, f) for f in self.__struct_fields__}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


class BundleName(msgspec.Struct, frozen=True):
    """What the name of a bundle says; `number` only of a version, `digits` only of others.

    `revision` counts how often rows were erased from the version; the last one stands.
    """

    kind: str
    id: str
    number: int = 0
    revision: int = 0
    digits: str | None = None


def parse_name(name: str) -> BundleName | None:
    """Return what a name says, or None if no bundle bears it."""
    if found := _VERSION_NAME.fullmatch(name):
        key = name.removeprefix(f"{VERSIONS}/").replace("/", "@")
        return BundleName(VERSION, key, int(found["number"]), int(found["revision"] or 0))
    if found := _ROW_NAME.fullmatch(name):
        return BundleName(found["kind"], found["id"], digits=found["digits"])
    return None


def encode(bundle: Bundle) -> bytes:
    """Return the file of a bundle: one zstd frame with the digest, a line's end and the JSON."""
    text = bundle.text
    return zstandard.ZstdCompressor().compress(digest_of(text).encode() + b"\n" + text)


def decode(name: str, content: bytes) -> Bundle:
    """Return the bundle of a file.

    Raises
    ------
    IntegrityError
        It is damaged, or none, or not the one that the name says.
    UsageError
        A newer version of this package wrote it.
    """
    digest, _, text = (_decompressed(content) or b"").partition(b"\n")
    if digest_of(text).encode() != digest:
        raise IntegrityError(f"{name}: damaged")
    try:
        written: Any = json.loads(text)
        if isinstance(written, dict) and isinstance(made := written.get("format"), int):
            _refuse_newer(name, made)
        bundle = msgspec.convert(written, Bundle)
    except (ValueError, RecursionError, msgspec.ValidationError):
        raise IntegrityError(f"{name}: its content is no bundle of rows") from None
    said = parse_name(name)
    digits = digest.decode().partition(":")[2][:16]
    if said is None or (said.kind, said.id) != (bundle.kind, bundle.id):
        raise IntegrityError(f"{name}: holds the rows of something else")
    if said.digits not in {None, digits}:
        raise IntegrityError(f"{name}: its content is not what its name says")
    return bundle


def _refuse_newer(name: str, made: int) -> None:
    if made > FORMAT:
        raise UsageError(
            f"{name}: made by a newer version of mlops-jupyter", hint="upgrade mlops-jupyter"
        )


def _decompressed(content: bytes) -> bytes | None:
    try:
        if not 0 <= zstandard.frame_content_size(content) <= LARGEST_BYTES:
            return None
        text: bytes = zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError:
        return None
    return text
