"""A papermill engine: ``papermill --engine mlops IN.ipynb OUT.ipynb``.

What it does better than papermill's own (2.7, measured):

- in a project the notebook is recorded as a Run, from its start to its end, without a line of
  ours in it;
- papermill writes the whole notebook twice per cell, so that its cost grows with the square of
  the number of cells; this one writes seldom in between, and always after a failed cell and at
  the end. Readers see the old file or the new one, never a part;
- papermill calls every cell "completed" after a dead kernel, a time-out or an interrupt; here
  the running cell has failed, and those after it are pending;
- the kernel speaks through Unix sockets, gets an environment and a working folder of its own,
  is told the ids and tags of the cells, and ends with all processes that it started, even when
  this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.iorw import LocalHandler, StreamHandler, papermill_io
from papermill.log import logger
from traitlets import Bool, default

from mlops_jupyter.errors import did_you_mean
from mlops_jupyter.kernel import notebook
from mlops_jupyter.pipelines.ending import Ending, ending_of, exit_code_of
from mlops_jupyter.pipelines.executed import LocalFiles, Manager, OnCell, OnOutput, absolute
from mlops_jupyter.pipelines.kernel import Kernel

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.tracked import TrackedRun

__all__ = ["LocalFiles", "MlopsEngine"]

LOAD = "__import__('mlops_jupyter').load_ipython_extension(get_ipython())"
"""What ``%load_ext mlops_jupyter`` does, but for saying so when the notebook does it too."""

RECORDING = ("mlops_jupyter.magics.extension",)


class MlopsEngine(NBClientEngine):
    """Executes a notebook in a kernel of its own."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        on_cell: OnCell | None = None,
        on_output: OnOutput | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute all cells; called by papermill.

        Parameters
        ----------
        on_cell : callable, optional
            Called with position and content of each cell before it is executed.
        on_output : callable, optional
            Called with each message of the kernel, as it comes.
        **kwargs
            `env` and `kernel_cwd` are the environment and the folder of the kernel, `kernel`
            is one that is started already, by whom the notebook is recorded; the others are
            those of papermill's own engine.
        """
        manager = Manager(nb, output_path, log_output, progress_bar, autosave_cell_every, on_cell)
        manager.on_output = on_output
        is_alone = kwargs.get("kernel") is None
        with contextlib.ExitStack() as stack:
            if is_alone:
                stack.enter_context(_terminable())
                folder = kwargs.get("kernel_cwd") or os.getcwd()  # noqa: PTH109
                run = stack.enter_context(_recorded(manager, Path(folder)))
                kwargs["run"] = run
            stack.callback(manager.notebook_complete)
            stack.callback(manager.cleanup_pbar)
            try:
                manager.notebook_start()
                cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **kwargs)
            except BaseException as error:
                if not manager.ending.is_early:
                    manager.ending = ending_of(error, manager.cell)
                if isinstance(error, NoSuchKernel) and is_alone:
                    _suggest(error)
                raise
        return manager.nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Manager,
        kernel_name: str,
        log_output: bool = False,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        env: Mapping[str, str] | None = None,
        kernel_cwd: str | None = None,
        kernel: Kernel | None = None,
        run: TrackedRun | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute the cells in a kernel, and end it with all that it started."""
        timeout = execution_timeout or kwargs.get("timeout")
        for unused in ("input_path", "timeout", "startup_timeout"):
            kwargs.pop(unused, None)
        with contextlib.ExitStack() as stack:
            if kernel is None:
                environment = _environment(nb_man.nb, os.environ if env is None else env, run)
                kernel = Kernel(kernel_name, environment, kernel_cwd)
            stack.callback(kernel.end)
            if run is not None and kernel.is_python:
                kernel.warm_up(RECORDING)
            client = Client(
                nb_man,
                km=kernel.manager,
                timeout=timeout,
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=logger,
                log_output=log_output,
                is_recorded=run is not None and kernel.is_python,
                **kwargs,
            )
            client.execute(cleanup_kc=True)


class Client(PapermillNotebookClient):
    """Talks with the kernel."""

    is_recorded = Bool(False, help="The kernel records into the open Run.")
    is_left = Bool(False, help="A cell called `quit`: the kernel takes no more.")

    def execute(self, **kwargs: Any) -> Any:
        """Execute the notebook, and return it."""
        self.reset_execution_trackers()
        with self.setup_kernel(**kwargs):
            self.log.info(f"Executing notebook with kernel: {self.kernel_name}")
            # at first, as a kernel may not be there any more at the end
            info = self.wait_for_reply(self.kc.kernel_info())
            self.nb.metadata["language_info"] = info["content"]["language_info"]
            if self.is_recorded:
                self._start_recording()
            self.papermill_execute_cells()
            self.set_widgets_metadata()
        return self.nb

    def papermill_execute_cells(self) -> None:
        """Execute the cells; whatever ends one early, it has failed."""
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                self.kc.cell = cell
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self._end(ending_of(error, index), error)
            except BaseException as error:
                self._end(ending_of(error, index, exit_code_of(self.km)), error)
                self.shutdown_kernel = "immediate"
                raise
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
            if self.is_left:
                self.nb_man.ending = Ending("finished", "exit", index)
            if self.nb_man.ending.is_early:
                break

    def _end(self, ending: Ending, error: BaseException) -> None:
        self.nb_man.ending = ending
        if ending.status != "finished":
            index = ending.cell
            self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)

    @default("on_cell_executed")
    def _see_replies(self) -> Callable[..., None]:
        def see(execute_reply: Mapping[str, Any] | None = None, **_: Any) -> None:
            payload = (execute_reply or {}).get("content", {}).get("payload") or []
            self.is_left = any(part.get("source") == "ask_exit" for part in payload)

        return see

    def _start_recording(self) -> None:
        """Load our extension as if it had always been there: no cell, no output, no number."""
        try:
            reply = run_sync(self.kc.execute_interactive)(
                LOAD,
                silent=True,
                store_history=False,
                allow_stdin=False,
                stop_on_error=False,
                timeout=self.startup_timeout,
                output_hook=_hear,
            )["content"]
        except TimeoutError:
            reply = {"status": "error", "ename": "TimeoutError", "evalue": "no answer"}
        if reply["status"] != "ok":
            said = f"{reply.get('ename')}: {reply.get('evalue')}"
            _say(f"mlops: cells are not recorded: {said}\n")

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel."""
        if self.nb_man.on_output is not None:
            self.nb_man.on_output(msg)
        return super().process_message(msg, cell, cell_index)


def _hear(message: Mapping[str, Any]) -> None:
    """Pass on why something is not recorded; nothing else is printed."""
    if message["header"]["msg_type"] == "stream" and message["content"]["name"] == "stderr":
        _say(message["content"]["text"])


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)


@contextlib.contextmanager
def _recorded(manager: Manager, folder: Path) -> Iterator[TrackedRun | None]:
    """Record a notebook as a Run, if there is a project; make its parameters ready."""
    from mlops_jupyter.pipelines import injected, tracked

    given = injected.given_in(manager.nb)
    if _language(manager.nb) == "python":
        given = injected.mend(manager.nb, given)
    path = _path_of(manager.nb, "input_path")
    root = tracked.project_around(folder, path)
    run = None
    if root is not None or given:
        contract = injected.contract_of(manager.nb)
        for complaint in injected.complaints(contract, given):
            logger.warning(complaint)
        if root is not None:
            run = tracked.begin(root, path, injected.as_recorded(contract, given))
    manager.run_id = None if run is None else run.id
    try:
        yield run
    except BaseException as error:
        if not manager.ending.is_early:  # the last save failed
            manager.ending = ending_of(error, manager.cell)
        raise
    finally:
        if run is not None:
            tracked.end(run, manager.ending, manager.nb)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, by which schedulers end a job, end the notebook first, and then the process.

    Nothing is changed where the process has its own way with it.
    """
    is_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not is_default or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except _TerminatedError:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM has come."""


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _TerminatedError("ended by SIGTERM")


def _environment(nb: Any, environment: Mapping[str, str], run: TrackedRun | None) -> dict[str, str]:
    """Return the environment of the kernel."""
    # the cells as they are executed, with the parameters given, are those of the new notebook
    told = {notebook.VARIABLE: _path_of(nb, "output_path") or _path_of(nb, "input_path") or ""}
    if run is None:
        return {**told, **environment}
    from mlops_jupyter.pipelines.tracked import without_outer

    return {**without_outer(environment), **told, **run.environment}


def _path_of(nb: Any, key: str) -> str | None:
    """Return where the notebook lies, if anybody knows: it may be an object, a text, a stream."""
    path = nb.metadata.get("papermill", {}).get(key)
    if not isinstance(path, str) or path.lstrip().startswith("{"):
        return None
    handler = papermill_io.get_handler(path)
    if isinstance(handler, LocalHandler):
        return str(absolute(path))
    return None if isinstance(handler, StreamHandler) else path


def _language(nb: Any) -> str:
    told = nb.metadata.get("kernelspec", {}).get("language", "python")
    return str(nb.metadata.get("language_info", {}).get("name", told)).lower()


def _suggest(error: NoSuchKernel) -> None:
    hint = did_you_mean(str(error.name), KernelSpecManager().find_kernel_specs())
    logger.error(f"there is no kernel {error.name!r} on this machine; {hint}")
