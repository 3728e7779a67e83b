"""Whatever a cell can ask of its kernel, it is answered the same with recording as without.

Two real kernels in one folder execute the same cells; one of them records. Everything that they
show, in its order, must be equal.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.project import init
from tests.kernel import Answer, Kernel

MASKED = re.compile(
    r"0x[0-9a-f]+|ipykernel_\d+/\d+\.py|(?<=ipykernel_)\d+|\x1b\[[0-9;]*m"
    r"|(?<=pid=)\d+|[\d.e+]+ (?:ns|µs|μs|us|ms|s)\b"
)


class Listening(Kernel):
    """A kernel that keeps the order in which it shows things."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[tuple[str, Any]] = []
        super().__init__(folder)

    def _take(self, reply: dict[str, Any], answer: Answer) -> None:
        super()._take(reply, answer)
        content, kind = reply["content"], reply["msg_type"]
        if kind == "stream":
            if self.heard and self.heard[-1][0] == content["name"]:  # sent in two pieces
                content = {**content, "text": self.heard.pop()[1] + content["text"]}
            self.heard.append((content["name"], content["text"]))
        elif kind == "error":
            self.heard.append((kind, "\n".join(content["traceback"])))
        elif kind not in ("status", "execute_input"):
            data = content.get("data", {})
            shown = {name: "…" if name == "image/png" else data[name] for name in data}
            self.heard.append((kind, (content.get("execution_count"), shown)))

    def all_of(self, cells: list[str]) -> list[tuple[str, str]]:
        """Execute cells; return all that they show, without what differs between processes."""
        self.heard.clear()
        statuses = [self.run(cell).status for cell in cells]
        heard = [(kind, MASKED.sub("~", str(what))) for kind, what in self.heard]
        return [*heard, ("statuses", " ".join(statuses))]


@dataclass
class Pair:
    """The two kernels."""

    bare: Listening
    recording: Listening


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("disturbed")
    init(folder)
    (folder / "old.py").write_text(
        "import warnings\n"
        "def old():\n"
        "    warnings.warn('old is old', UserWarning, stacklevel=1)\n"
        "def from_cell():\n"
        "    warnings.warn('old is old', UserWarning, stacklevel=2)\n"
    )
    (folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    with closing(Listening(folder)) as bare, closing(Listening(folder)) as recording:
        # one cell each, so that they count alike
        assert bare.run("%reload_ext IPython.extensions.storemagic").text == ""
        assert recording.run("%load_ext mlops_jupyter").text == ""
        yield Pair(bare, recording)


def _cases() -> dict[str, list[str]]:
    text = Path(__file__).with_name("undisturbed.txt").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("\n=== ")[1:])
    return {name: cells.strip("\n").split("\n---\n") for name, _, cells in parts}


CASES = _cases()


@pytest.mark.parametrize("case", CASES)
def test_cells_are_answered_the_same(pair: Pair, case: str) -> None:
    expected = pair.bare.all_of(CASES[case])
    assert pair.recording.all_of(CASES[case]) == expected


def test_input_is_asked_for_and_answered(pair: Pair) -> None:
    def asked(kernel: Listening) -> list[Any]:
        message = kernel.client.execute("name = input('who? ')\nname", allow_stdin=True)
        prompt = kernel.client.get_stdin_msg(timeout=240)["content"]["prompt"]
        kernel.client.input("me")
        reply = kernel.client.get_shell_msg(timeout=240)
        assert reply["parent_header"]["msg_id"] == message
        return [prompt, reply["content"]["status"], kernel.all_of(["name"])[-2:]]

    assert asked(pair.recording) == asked(pair.bare)


def test_descriptors_and_threads_do_not_grow(pair: Pair) -> None:
    ask = (
        "import gc, os, threading; gc.collect()\n"
        "len(os.listdir('/proc/self/fd')), threading.active_count()"
    )
    cells = [
        "open('table.csv').read(); plot = 1",
        "import pandas as pd; frame = pd.read_csv('table.csv')",
        "value = [{'a': n} for n in range(9)]; value[0]['a'] = 2",
        "def work(n): return n\nwork(3)",
        "!true",
    ]

    def counts(times: int) -> tuple[int, int]:
        for number in range(times):
            assert pair.recording.run(cells[number % len(cells)]).status == "ok"
        return ast.literal_eval(pair.recording.run(ask).data[-1]["text/plain"])

    descriptors, threads = counts(10)
    later = counts(200)
    assert later[0] < descriptors + 5, "the history file of IPython comes and goes"
    assert later[1] <= threads
