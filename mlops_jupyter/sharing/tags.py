"""Tags in a shared store: each time one is given, moved or taken away is a bundle of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

import msgspec

from mlops_jupyter.project import Project, now
from mlops_jupyter.sharing.bundle import Bundle
from mlops_jupyter.sharing.outgoing import Writer
from mlops_jupyter.sharing.tables import TAG, TagState


def said(bundle: Bundle) -> str:
    """Return what is written down here of a tag's bundle; nothing of others."""
    if bundle.kind != TAG:
        return ""
    return msgspec.json.encode(state_of(bundle)).decode()


def state_of(bundle: Bundle) -> TagState:
    """Return where a tag stands."""
    return msgspec.convert(bundle.tables["data_tag"][0], TagState)


def outgoing(
    project: Project, writer: Writer, known: Mapping[str, str], there: set[tuple[str, str]]
) -> Iterator[Bundle]:
    """Write what became of tags since the last push or pull."""
    last = _last(known)
    here = {
        (row["dataset"], row["tag"]): TagState(*row)
        for row in project.catalog.rows(
            "SELECT data_tag.dataset, tag, digest, tagged_at FROM data_tag"
            " JOIN dataset_version ON dataset_version.id = version_id ORDER BY 1, 2"
        )
    }
    for key, state in here.items():
        before = last.get(key)
        is_new = before is None or before.digest != state.digest
        if is_new and (state.dataset, state.digest) in there:
            yield writer.tag(state)
    for key, before in last.items():
        if before.digest is not None and key not in here:
            yield writer.tag(TagState(*key, None, now()))


def put(connection: sqlite3.Connection, state: TagState) -> bool:
    """Set a tag as it stands elsewhere, unless it was set here later; within a transaction.

    Returns
    -------
    bool
        False: its version is not here.
    """
    key = (state.dataset, state.tag)
    row = connection.execute(
        "SELECT tagged_at FROM data_tag WHERE dataset = ? AND tag = ?", key
    ).fetchone()
    if row is not None and row[0] >= state.at:
        return True
    if state.digest is None:
        connection.execute("DELETE FROM data_tag WHERE dataset = ? AND tag = ?", key)
        return True
    version = connection.execute(
        "SELECT id FROM dataset_version WHERE dataset = ? AND digest = ?",
        (state.dataset, state.digest),
    ).fetchone()
    if version is not None:
        connection.execute(
            "INSERT OR REPLACE INTO data_tag (dataset, tag, version_id, tagged_at)"
            " VALUES (?, ?, ?, ?)",
            (*key, version[0], state.at),
        )
    return version is not None


def _last(known: Mapping[str, str]) -> dict[tuple[str, str], TagState]:
    """Return the last known state of each tag."""
    states = [
        msgspec.json.decode(text, type=TagState)
        for name, text in known.items()
        if name.startswith(f"rows/{TAG}/")
    ]
    return {(s.dataset, s.tag): s for s in sorted(states, key=lambda state: state.at)}
