"""``mlops_jupyter.push``, ``pull`` and ``fetch``: the verbs in the project here."""

from __future__ import annotations

from mlops_jupyter.project import here
from mlops_jupyter.sharing.fetch import Fetched
from mlops_jupyter.sharing.fetch import fetch as fetch_objects
from mlops_jupyter.sharing.pull import Pulled
from mlops_jupyter.sharing.pull import pull as pull_all
from mlops_jupyter.sharing.push import Pushed
from mlops_jupyter.sharing.push import push as push_all


def push(*refs: str, url: str | None = None) -> Pushed:
    """Send data versions and runs of the project here to the shared store.

    Parameters
    ----------
    *refs : str
        Only these, ``train`` or ``train@2``, and no runs.
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    """
    with here() as project:
        return push_all(project, url, refs=refs or None)


def pull(*refs: str, url: str | None = None, runs: bool = True) -> Pulled:
    """Bring data versions and runs from the shared store to the project here.

    Parameters
    ----------
    *refs : str
        Only these, ``train`` or ``train@2``, and no runs.
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    runs : bool
        Whether runs come.
    """
    with here() as project:
        return pull_all(project, url, refs or None, runs=runs)


def fetch(*refs: str, url: str | None = None) -> Fetched:
    """Bring objects that the project here names and does not have.

    Parameters
    ----------
    *refs : str
        Only those of these datasets and versions.
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    """
    with here() as project:
        return fetch_objects(project, url, refs or None)
