"""In which order steps are settled, and which of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mlops_jupyter.pipelines.execute import Request
from mlops_jupyter.pipelines.graph import Graph


def run(
    graph: Graph, request: Request, settle: Callable[[int], None], kill: Callable[[], None]
) -> None:
    """Settle all steps that take place, each after those that it follows.

    After the first that fails no more begin; those that run are let to their end, because what
    they give is kept. An interrupt ends them.

    Parameters
    ----------
    settle : callable
        Takes or runs the step at a position.
    kill : callable
        Lets the steps that run fail at once.
    """
    takes_place = request.choice.takes_place(graph)
    waiting = [position for position in range(len(graph.nodes)) if position in takes_place]
    if graph.is_chain or request.workers == 1:
        for position in waiting:
            settle(position)
        return
    # kernels die with the thread that started them: the pool keeps its threads to the end
    with ThreadPoolExecutor(request.workers, "step") as pool:
        try:
            _side_by_side(graph, waiting, settle, pool, request.workers)
        except KeyboardInterrupt:
            kill()
            raise


def _side_by_side(
    graph: Graph,
    waiting: list[int],
    settle: Callable[[int], None],
    pool: ThreadPoolExecutor,
    workers: int,
) -> None:
    running: dict[Future[None], int] = {}
    settled: set[int] = set()
    failure: BaseException | None = None
    while waiting or running:
        ready = [at for at in waiting if settled.issuperset(graph.nodes[at].before)]
        for position in ready[: workers - len(running)] if failure is None else ():
            waiting.remove(position)
            running[pool.submit(settle, position)] = position
        if not running:
            break
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            settled.add(running.pop(future))
            failure = failure or future.exception()
    if failure is not None:
        raise failure
