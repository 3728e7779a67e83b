"""``mlops_jupyter.verify``, ``gc`` and ``erase``: the verbs in the project here."""

from __future__ import annotations

from mlops_jupyter.project import here
from mlops_jupyter.upkeep import erase as erasing
from mlops_jupyter.upkeep import gc as collecting
from mlops_jupyter.upkeep import verify as verifying
from mlops_jupyter.upkeep.erasure import Erasure
from mlops_jupyter.upkeep.gc import Collected, Garbage
from mlops_jupyter.upkeep.verify import Findings


def verify(*refs: str, deep: bool = False) -> Findings:
    """Read every object and every row; say what is damaged or missing, and who suffers.

    Parameters
    ----------
    *refs : str
        Only these versions, or all versions of a dataset.
    deep : bool
        Build every data version too, and digest its content again.
    """
    with here() as project:
        return verifying.verify(project, deep=deep, refs=refs or None)


def gc(*, dry_run: bool = False) -> Garbage | Collected:
    """Remove what nothing needs any more, and the versions that ``data.keep`` lets go.

    Parameters
    ----------
    dry_run : bool
        Only say what would be removed.
    """
    with here() as project:
        garbage = collecting.plan(project)
        return garbage if dry_run else collecting.collect(project, garbage)


def erase(dataset: str, where: str, reason: str, *, dry_run: bool = False) -> Erasure:
    """Take rows out of every version of a dataset, for good, and leave a record.

    Parameters
    ----------
    dataset : str
    where : str
        Which rows: ``customer_id = 7``.
    reason : str
        For the record.
    dry_run : bool
        Only say what would be taken out, and where else the rows may be.
    """
    with here() as project:
        if dry_run:
            return erasing.look(project, dataset, where)
        return erasing.erase(project, dataset, where, reason)
