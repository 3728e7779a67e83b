"""What a cell shows is kept: figures, plots and tables, as they stand on the page at its end."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from mlops_jupyter.magics import outputs
from mlops_jupyter.magics.outputs import Outputs

PNG = b"\x89PNG-"


def message(
    data: dict[str, Any], kind: str = "display_data", display_id: str | None = None
) -> dict[str, Any]:
    transient = {} if display_id is None else {"display_id": display_id}
    content = {"data": data, "metadata": {}, "transient": transient}
    return {"header": {"msg_type": kind}, "content": content}


def image(content: bytes) -> dict[str, Any]:
    return {"image/png": base64.b64encode(content).decode(), "text/plain": "<Figure>"}


def cleared(*, wait: bool) -> dict[str, Any]:
    return {"header": {"msg_type": "clear_output"}, "content": {"wait": wait}}


@pytest.fixture
def seen() -> Outputs:
    return Outputs()


def contents(seen: Outputs) -> list[bytes]:
    return [shown.content for shown in seen.shown]


def test_each_kind_is_kept_in_the_order_in_which_it_was_shown(seen: Outputs) -> None:
    plot = {"data": [{"y": [1, 2]}], "layout": {}}
    seen.see(message({"text/plain": "3"}))
    seen.see(message(image(PNG)))
    seen.see(message({"image/svg+xml": "<svg/>", "text/plain": "<Figure>"}))
    seen.see(message({"application/vnd.plotly.v1+json": plot, "text/html": "<div/>"}))
    seen.see(message({"text/html": "<table></table>", "text/plain": "   x\n0  1"}))
    seen.see(message({"text/html": "<b>bold</b>", "text/plain": "bold"}))
    assert [shown.media_type for shown in seen.shown] == [
        "image/png",
        "image/svg+xml",
        "application/vnd.plotly.v1+json",
        "text/html",
        "text/plain",
    ]
    assert contents(seen)[0] == PNG
    assert json.loads(contents(seen)[2]) == plot
    assert contents(seen)[4] == b"   x\n0  1"
    assert [figure.media_type for figure in seen.figures] == ["image/png", "image/svg+xml"]
    seen.clear()
    assert seen.shown == ()


def test_the_same_content_is_kept_once(seen: Outputs) -> None:
    for _ in range(3):
        seen.see(message(image(PNG)))
    assert contents(seen) == [PNG]


def test_an_update_stands_where_the_first_one_stood(seen: Outputs) -> None:
    seen.see(message({"text/plain": "0 %"}, display_id="bar"))
    seen.see(message(image(b"second"), display_id="second"))
    seen.see(message(image(b"first"), "update_display_data", "bar"))
    seen.see(message(image(b"second, again"), "update_display_data", "second"))
    seen.see(message(image(b"nobody's"), "update_display_data", "unknown"))
    assert contents(seen) == [b"first", b"second, again"]
    seen.see(message({"text/plain": "done"}, "update_display_data", "bar"))
    assert contents(seen) == [b"second, again"]


def test_what_is_cleared_is_not_kept(seen: Outputs) -> None:
    for frame in (b"1", b"2", b"3"):
        seen.see(cleared(wait=True))
        seen.see(message(image(frame)))
    seen.see(cleared(wait=True))
    assert contents(seen) == [b"3"], "nothing came in its place"
    seen.see(cleared(wait=False))
    assert contents(seen) == []


def test_no_more_than_the_limits(seen: Outputs) -> None:
    for number in range(outputs.MOST + 5):
        seen.see(message({"text/plain": "waits"}, display_id=f"text-{number}"))
        seen.see(message(image(b"%d" % number)))
    assert (len(seen.shown), seen.left_out) == (outputs.MOST, 5)

    seen.clear()
    seen.see(message({"image/png": "A" * (outputs.MOST_BYTES + 4)}))
    seen.see(message({"text/html": "x" * (outputs.MOST_BYTES + 4), "text/plain": "a page"}))
    seen.see(message(image(PNG)))
    assert (contents(seen), seen.left_out) == ([PNG], 2)


@pytest.mark.parametrize("content", [None, "", "no base64, at all", 3, ["a"]])
def test_what_is_no_image_is_no_image(seen: Outputs, content: Any) -> None:
    seen.see(message({"image/png": content}))
    assert seen.shown == ()


def test_text_costs_next_to_nothing(seen: Outputs) -> None:
    text = message({"text/plain": "3"}, "execute_result")
    began = time.process_time()
    for _ in range(10_000):
        seen.see(text)
    assert (time.process_time() - began) / 10_000 < 20e-6
