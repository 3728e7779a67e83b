"""A shared store as push and pull see it: its bundles, and what is known of them here."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from mlops_jupyter.errors import ExternalError, IntegrityError, MlopsError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing import bundle as bundles
from mlops_jupyter.sharing import incoming, tags
from mlops_jupyter.sharing.bundle import ROWS, VERSION, VERSIONS, Bundle, BundleName
from mlops_jupyter.sharing.place import aside
from mlops_jupyter.sharing.transfer import Progress, Transfer, TransferProgress, tried
from mlops_jupyter.store.frames import LocalFrames
from mlops_jupyter.store.remote import Remote, RemoteObjects

IDENTITY = "mlops.json"


class _Identity(msgspec.Struct, frozen=True):
    format: int
    id: str


class Numbers(NamedTuple):
    """Which content has which number in a shared store.

    Attributes
    ----------
    there : dict of str to dict of int to str
        Of each dataset the digest of each number.
    names : dict of (str, int) to str
        Of each dataset and number the name of its bundle.
    read : dict of str to Bundle
        The bundles that were read for it, by name.
    refused : dict of str to MlopsError
        Why others were not.
    """

    there: dict[str, dict[int, str]]
    names: dict[tuple[str, int], str]
    read: dict[str, Bundle]
    refused: dict[str, MlopsError]


class Shared:
    """The shared store of a project.

    Attributes
    ----------
    remote : Remote
    id : str
        The store's own, from when it was made: an address may come to hold another store.
    """

    def __init__(self, project: Project, remote: Remote, identity: str) -> None:
        self.remote = remote
        self.id = identity
        self._project = project

    @property
    def origin(self) -> str:
        """What the catalog says of rows that came from here: the address without secrets."""
        return self.remote.shown

    def names(self) -> tuple[dict[str, BundleName], dict[str, MlopsError]]:
        """Return the names of all bundles, and names that no bundle bears."""
        listed = {**self.remote.listed(VERSIONS), **self.remote.listed(ROWS)}
        found = {name: bundles.parse_name(name) for name in listed if "/.writing-" not in name}
        strange: dict[str, MlopsError] = {
            name: IntegrityError(f"{name[:100]!r}: no bundle bears such a name")
            for name, said in found.items()
            if said is None
        }
        return {name: said for name, said in found.items() if said is not None}, strange

    def known(self) -> dict[str, str]:
        """Return the names of bundles that are known here, and what they say."""
        rows = self._project.catalog.rows(
            "SELECT name, says FROM remote_bundle WHERE remote = ?", (self.id,)
        )
        return {row["name"]: row["says"] for row in rows}

    def learn(self, connection: sqlite3.Connection, bundle: Bundle) -> None:
        """Write down that a bundle is known, and what it says; within a transaction."""
        says = bundle.content if bundle.kind == VERSION else tags.said(bundle)
        connection.execute(
            "INSERT OR REPLACE INTO remote_bundle (remote, name, says) VALUES (?, ?, ?)",
            (self.id, bundle.name, says),
        )

    def learn_all(self, bundles: Iterable[Bundle]) -> None:
        """Write down that bundles are known."""
        with self._project.catalog.transaction() as connection:
            for bundle in bundles:
                self.learn(connection, bundle)

    def going(self, progress: Progress | None) -> Transfer:
        """Return what brings objects from here to there."""
        here, there = LocalFrames(self._project.objects), RemoteObjects(self.remote)
        return Transfer(here, there, aside(self._project), progress)

    def coming(self, progress: Progress | None) -> Transfer:
        """Return what brings objects from there to here."""
        here, there = LocalFrames(self._project.objects), RemoteObjects(self.remote)
        return Transfer(there, here, aside(self._project), progress)

    def read(
        self, names: Iterable[str], progress: Progress | None = None
    ) -> tuple[dict[str, Bundle], dict[str, MlopsError]]:
        """Read and check bundles; return them, and why others were refused, by name."""
        wanted = list(names)
        found: dict[str, Bundle] = {}
        refused: dict[str, MlopsError] = {}

        def one(name: str) -> None:
            read = bundles.decode(name, self.remote.read(name))
            incoming.check(self._project, read)
            found[name] = read

        for done, (name, failed) in enumerate(tried(one, wanted), 1):
            if failed is not None:
                refused[name] = failed
            if progress is not None:
                progress(TransferProgress("rows", done, len(wanted)))
        return found, refused

    def numbers(
        self, datasets: Iterable[str] | None, names: dict[str, BundleName], known: dict[str, str]
    ) -> Numbers:
        """Return which content each number of the datasets has there."""
        wanted = None if datasets is None else set(datasets)
        last: dict[tuple[str, int], str] = {}
        for name, said in names.items():
            place = said.id.partition("@")[0], said.number
            if said.kind == VERSION and (wanted is None or place[0] in wanted):
                before = last.get(place)
                if before is None or names[before].revision < said.revision:
                    last[place] = name
        numbers = {name: place for place, name in last.items()}
        read, refused = self.read(name for name in numbers if name not in known)
        says = {
            **{name: known[name] for name in numbers if name in known},
            **{name: b.content for name, b in read.items()},
        }
        made: dict[str, dict[int, str]] = {}
        for name, digest in says.items():
            dataset, number = numbers[name]
            made.setdefault(dataset, {})[number] = digest
        return Numbers(made, last, read, refused)


def open_shared(project: Project, url: str | None, *, create: bool) -> Shared:
    """Open the shared store of a project.

    Parameters
    ----------
    project : Project
    url : str or None
        Default: what ``mlops.yaml`` and the environment say.
    create : bool
        Whether a store is made where there is none.

    Raises
    ------
    UsageError
        None is named, its package is not installed, or it is none.
    ExternalError
        It cannot be reached.
    """
    settings = project.settings.remote
    address = url or settings.url
    if address is None:
        raise UsageError(
            "no shared store is named",
            hint="say `remote: {url: s3://bucket/path}` in mlops.yaml, set MLOPS_REMOTE_URL, "
            "or give one by --to or --from",
        )
    if "://" not in address:
        place = Path(address).expanduser()
        # in mlops.yaml a path stands as the file does
        address = str((place if url else project.root / place).resolve())
    remote = Remote(address, settings.endpoint)
    identity = _identity(remote)
    if identity is None and not create:
        raise UsageError(
            f"{remote.shown}: there is nothing yet", hint="`mlops push` makes a shared store of it"
        )
    if identity is None:
        made = _Identity(bundles.FORMAT, secrets.token_hex(16))
        remote.create(IDENTITY, msgspec.json.encode(made))
        identity = _identity(remote)  # that of whoever was faster
    if identity is None:
        raise ExternalError(f"{remote.shown}: what is written there does not stay")
    return Shared(project, remote, identity.id)


def _identity(remote: Remote) -> _Identity | None:
    content = remote.find(IDENTITY)
    if content is None:
        return None
    try:
        found = msgspec.json.decode(content, type=_Identity)
    except (msgspec.DecodeError, UnicodeError):
        found = None
    if found is None or not re.fullmatch(r"[0-9a-f]{32}", found.id):
        raise IntegrityError(f"{remote.shown}/{IDENTITY}: damaged, or not ours")
    if found.format > bundles.FORMAT:
        raise UsageError(
            f"{remote.shown}: made by a newer version of mlops-jupyter",
            hint="upgrade mlops-jupyter",
        )
    return found


def refuse_all(refused: dict[str, MlopsError], done: str) -> None:
    """Raise one error that names all that was refused, if anything was.

    Raises
    ------
    IntegrityError
        With each name and why.
    """
    if not refused:
        return
    lines = [error.message for _, error in sorted(refused.items())]
    shown = "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
    raise IntegrityError(f"refused: {shown}", hint=f"all else is well: {done}")
