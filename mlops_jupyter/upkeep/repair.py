"""Mend what is damaged: away with bad objects, and good copies from the shared store.

A bad object that stays where it is would be taken for a good one by the next writer of the same
content. Moved away, the next snapshot of that content writes it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlops_jupyter.errors import MlopsError, refused_by_disk
from mlops_jupyter.project import Project
from mlops_jupyter.sharing.fetch import restore
from mlops_jupyter.store.frames import is_whole
from mlops_jupyter.upkeep.gc import DAMAGED
from mlops_jupyter.upkeep.verify import Findings, verify


class Repair(msgspec.Struct, frozen=True):
    """What became of damaged and missing objects.

    Attributes
    ----------
    moved : tuple of str
        Bad objects that now lie in ``.mlops/damaged``.
    fetched : tuple of str
        Objects of which a good copy was had.
    missing : tuple of str
        Objects that are needed, and of which there is no good copy.
    error : str or None
        Why the shared store could not be asked.
    """

    moved: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None


def repair(project: Project, findings: Findings) -> Repair:
    """Move bad objects aside, and fetch good ones.

    Parameters
    ----------
    project : Project
        Its ``remote`` is asked for good copies, if it has one.
    findings : Findings
        What `verify` has found.
    """
    moved: list[str] = []
    fetched: list[str] = []
    while True:
        damaged = [d for d in findings.damages if d.what.startswith("blake3:")]
        with project.objects.alone():
            moved += [d.what for d in damaged if _move(project, d.what)]
        missing = [d.what for d in damaged if d.suffers.anybody]
        found, error = _fetch(project, missing)
        fetched += found
        if not found or error:
            return Repair(
                tuple(moved), tuple(fetched), tuple(d for d in missing if d not in found), error
            )
        # a manifest that is there again says what else is needed
        findings = verify(project)


def _move(project: Project, digest: str) -> bool:
    """Put an object aside if it is bad; somebody may have mended it meanwhile."""
    path = project.objects.path(digest)
    target = project.folder / DAMAGED / path.name
    try:
        if not path.exists() or is_whole(path, digest):
            return False
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    return True


def _fetch(project: Project, digests: Sequence[str]) -> tuple[list[str], str | None]:
    if project.settings.remote.url is None or not digests:
        return [], None
    try:
        return sorted(restore(project, digests)), None
    except MlopsError as error:
        return [], error.message
