"""The side of a Dask cluster that hands out work: https://distributed.dask.org."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from mlops_jupyter.config import Resources, size_in_bytes
from mlops_jupyter.errors import ExternalError, StoppedError, UsageError, last_line

if TYPE_CHECKING:
    from types import TracebackType

CONNECT_SECONDS = 20
LOST_WORKERS = 3
"""So many workers may be lost under one step before it has failed."""


class Scheduler:
    """A connection to the scheduler of a cluster.

    Parameters
    ----------
    address : str
        Such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ExternalError
        It cannot be reached.
    UsageError
        Dask is not installed, or this is no address.
    """

    def __init__(self, address: str) -> None:
        self._client: Any = _connected(address)
        self._address = address
        self._running: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def run(self, name: str, job: bytes, wanted: Resources | None) -> bytes:
        """Let a worker do a job; when it is lost, another one does it.

        Raises
        ------
        UsageError
            No worker has what is wanted.
        ExternalError
            The work was lost with its workers, or they cannot do it.
        StoppedError
            `cancel` was called meanwhile.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        from mlops_jupyter.cluster.worker import work

        needs = self._needs(name, wanted)
        future = self._client.submit(
            work, job, key=f"mlops-{name}-{id(job)}", resources=needs or None, pure=False,
            retries=LOST_WORKERS, fifo_timeout="0 ms",
        )  # fmt: skip
        with self._lock:
            self._running[future.key] = future
        try:
            done: bytes = future.result()
        except CancelledError:
            raise StoppedError(f"the step {name} was cancelled") from None
        except KilledWorker as error:
            raise ExternalError(
                f"the step {name}: {LOST_WORKERS + 1} workers were lost while they ran it",
                hint="look at their logs: do they have enough memory?",
            ) from error
        except Exception as error:
            raise ExternalError(
                f"the step {name} could not be run on {self._address}: {last_line(error)}",
                hint="do all workers have the same mlops-jupyter?",
            ) from error
        finally:
            with self._lock:
                self._running.pop(future.key, None)
        return done

    def cancel(self) -> None:
        """Let nobody wait any more: what runs there ends."""
        with self._lock:
            waiting = list(self._running.values())
        self._client.cancel(waiting, force=True)

    def _needs(self, name: str, wanted: Resources | None) -> Mapping[str, float]:
        if wanted is None:
            return {}
        asked = {
            "CPU": wanted.cpu,
            "MEMORY": None if wanted.memory is None else size_in_bytes(wanted.memory, "memory"),
            "GPU": wanted.gpu,
        }
        needs = {what: float(much) for what, much in asked.items() if much}
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        offers = [worker["resources"] for worker in workers]
        if not any(all(o.get(what, 0) >= much for what, much in needs.items()) for o in offers):
            shown = ", ".join(f"{what} {much:g}" for what, much in needs.items())
            raise UsageError(
                f"the step {name} wants {shown}, and no worker of {self._address} offers that",
                hint="start one with it: `dask worker … --resources "
                f'"{" ".join(f"{what}={much:g}" for what, much in needs.items())}"`',
            )
        return needs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "Dask is not installed", hint="pip install 'mlops-jupyter[dask]'"
        ) from None
    try:
        # distributed is not typed throughout
        connect: Any = Client
        return connect(address, timeout=CONNECT_SECONDS, set_as_default=False, name="mlops")
    except (OSError, TimeoutError) as error:
        raise ExternalError(
            f"the cluster {address} cannot be reached: {last_line(error)}",
            hint="is its scheduler running? e.g. `dask scheduler`, then tcp://HOST:8786",
        ) from None
    except ValueError as error:
        raise UsageError(
            f"{address!r} is no address of a Dask scheduler: {last_line(error)}",
            hint="write tcp://HOST:8786",
        ) from None
