"""In which order steps are settled, and which of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mlops_jupyter.pipelines.execute import Request
from mlops_jupyter.pipelines.graph import Graph


class Schedule:
    """The steps of one run that take place, each after those that it follows.

    Parameters
    ----------
    graph : Graph
    request : Request
    """

    def __init__(self, graph: Graph, request: Request) -> None:
        takes_place = request.choice.takes_place(graph)
        self._graph, self._workers = graph, request.workers
        self._waiting = [at for at in range(len(graph.nodes)) if at in takes_place]
        self._settled: set[int] = set()

    def upcoming(self) -> int | None:
        """Return the step that begins next, if one could begin now."""
        return next(iter(self._ready()), None)

    def run(self, settle: Callable[[int], None], kill: Callable[[], None]) -> None:
        """Settle all of them.

        After the first that fails no more begin; those that run are let to their end, because
        what they give is kept. An interrupt ends them.

        Parameters
        ----------
        settle : callable
            Takes or runs the step at a position.
        kill : callable
            Lets the steps that run fail at once.
        """
        if self._graph.is_chain or self._workers == 1:
            while self._waiting:
                position = self._waiting.pop(0)
                settle(position)
                self._settled.add(position)
            return
        # kernels die with the thread that started them: the pool keeps its threads to the end
        with ThreadPoolExecutor(self._workers, "step") as pool:
            try:
                self._side_by_side(settle, pool)
            except KeyboardInterrupt:
                kill()
                raise

    def _ready(self) -> list[int]:
        nodes = self._graph.nodes
        return [at for at in self._waiting if self._settled.issuperset(nodes[at].before)]

    def _side_by_side(self, settle: Callable[[int], None], pool: ThreadPoolExecutor) -> None:
        running: dict[Future[None], int] = {}
        failure: BaseException | None = None
        while self._waiting or running:
            ready = self._ready() if failure is None else []
            for position in ready[: self._workers - len(running)]:
                self._waiting.remove(position)
                running[pool.submit(settle, position)] = position
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                position = running.pop(future)
                failure = failure or future.exception()
                self._settled.add(position)
        if failure is not None:
            raise failure
