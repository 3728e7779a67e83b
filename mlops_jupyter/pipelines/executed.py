"""The notebook while papermill's engine executes it: the state of its cells, and its file."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from papermill.engines import NotebookExecutionManager, catch_nb_assignment
from papermill.iorw import LocalHandler, StreamHandler, papermill_io, write_ipynb
from papermill.log import logger

from mlops_jupyter.pipelines.ending import END
from mlops_jupyter.store.objects import replace_file

SAVING_SHARE = 0.02
"""Share of the time that saves in between may take."""

SAVING_SECONDS = 1.0
"""Between two of them, at least: nobody looks more often."""

OURS = "mlops"
"""In the notebook's metadata: how it ended, and the Run."""

OnCell = Callable[[int, Mapping[str, Any]], None]
OnOutput = Callable[[Mapping[str, Any]], None]


class Manager(NotebookExecutionManager):
    """Keeps the state of the notebook, and its file.

    Attributes
    ----------
    ending : Ending
    cell : int or None
        Position of the cell that is executed, or was executed last.
    run_id : str or None
        The Run that is recorded, written into the notebook's metadata.
    """

    def __init__(
        self,
        nb: Any,
        output_path: str | None = None,
        log_output: bool = False,
        progress_bar: bool | dict[str, Any] = True,
        autosave_cell_every: int = 30,
        on_cell: OnCell | None = None,
    ) -> None:
        super().__init__(nb, output_path, log_output, progress_bar, autosave_cell_every)
        self.ending = END
        self.on_output: OnOutput | None = None
        self.cell: int | None = None
        self.run_id: str | None = None
        self._on_cell = on_cell
        self._save_seconds = 0.0
        self._saved_at: float | None = None
        self._must_save = False

    @catch_nb_assignment
    def save(self, *, now: bool = False, **kwargs: Any) -> None:
        """Write the notebook, unless it was written a short while ago.

        A save in between that fails is said and no more: hours of work go on, and the last one
        fails if it must.
        """
        if self.output_path is None:
            return
        began = time.monotonic()
        must = now or self._must_save or self._saved_at is None
        pause = max(SAVING_SECONDS, self._save_seconds / SAVING_SHARE)
        if not must and began - (self._saved_at or 0.0) < pause:
            return
        try:
            write(self.nb, self.output_path, is_last=self.end_time is not None)
        except OSError as error:
            if must:
                raise
            logger.warning(f"{self.output_path}: not saved in between: {error}")
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - began
        self.last_save_time = self.now()

    def notebook_start(self, **kwargs: Any) -> None:
        """Note that the notebook begins; what an earlier execution said of itself goes."""
        self.nb.metadata[OURS] = self._told("running")
        super().notebook_start(**kwargs)

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """Note that a cell begins."""
        self.cell = cell_index
        if self._on_cell is not None:
            self._on_cell(cell_index or 0, cell)
        super().cell_start(cell, cell_index, **kwargs)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """Note that a cell has ended; one that failed is on the disk at once."""
        self._must_save = cell.metadata.papermill["status"] == self.FAILED
        super().cell_complete(cell, cell_index, **kwargs)
        self._must_save = False

    @catch_nb_assignment
    def notebook_complete(self, **kwargs: Any) -> None:
        """Note that the notebook has ended; cells that were not reached stay pending."""
        told = self.nb.metadata.papermill
        self.end_time = self.now()
        told["end_time"] = self.end_time.isoformat()
        if told.get("start_time"):
            told["duration"] = (self.end_time - self.start_time).total_seconds()
        if self.ending.is_early:
            told["exception"] = self.ending.status != "finished" or None
        else:
            # of engines that tell nothing of cells
            for cell in self.nb.cells:
                if cell.metadata.papermill["status"] == self.FAILED:
                    break
                cell.metadata.papermill["status"] = self.COMPLETED
        self.nb.metadata[OURS] = self._told(self.ending.status)
        self.complete_pbar()
        self.cleanup_pbar()
        self.save(now=True)

    def complete_pbar(self) -> None:
        """Let the progress bar reach its end, if the notebook has."""
        if not self.ending.is_early:
            super().complete_pbar()

    def _told(self, status: str) -> dict[str, Any]:
        told: dict[str, Any] = {"status": status}
        if status != "running":
            told["ended_by"] = self.ending.cause
            told["cell"] = self.ending.cell
            told["error"] = self.ending.error
        if self.run_id is not None:
            told["run"] = self.run_id
        return {name: value for name, value in told.items() if value is not None}


def write(nb: Any, path: str, *, is_last: bool) -> None:
    """Write a notebook where papermill would; a file on this machine in one step.

    A stream gets one notebook, from papermill itself, when all has ended.
    """
    handler = papermill_io.get_handler(path)
    if isinstance(handler, StreamHandler):
        return
    if isinstance(handler, LocalHandler):
        LocalFiles.write_to(absolute(path), to_json(nb) if is_last else quickly(nb))
    else:
        write_ipynb(nb, path)


def to_json(nb: Any) -> bytes:
    """Return a notebook as its file, as Jupyter writes it."""
    text: str = nbformat.v4.writes(nb)
    return text.encode(errors="backslashreplace") + b"\n"


def quickly(nb: Any) -> bytes:
    """Return a notebook as its file: the same to a reader, ten times faster."""
    try:
        return msgspec.json.encode(nb, enc_hook=str)
    except UnicodeEncodeError:  # half a character
        return to_json(nb)


def absolute(path: str) -> Path:
    """Return where papermill means a path of this machine: it may have changed the folder since."""
    handler = papermill_io.get_handler("local")
    folder = handler.cwd(None)
    handler.cwd(folder)
    return Path(os.path.realpath(os.path.join(folder or "", path)))  # noqa: PTH118


class LocalFiles(LocalHandler):
    """Writes notebooks in one step."""

    def write(self, buf: str, path: str) -> None:
        """Write a notebook."""
        self.write_to(Path(self._cwd or "", path), buf.encode())

    @staticmethod
    def write_to(path: Path, content: bytes) -> None:
        """Write a file; one that is there keeps its mode, and what is no file is written into."""
        if not path.parent.exists():
            raise FileNotFoundError(f"output folder {path.parent} doesn't exist.")
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            with path.open("wb") as device:
                device.write(content)
            return
        replace_file(path, content)
        if mode is not None:
            path.chmod(stat.S_IMODE(mode))
