"""Figures are the same when they show the same, whatever their bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mlops_jupyter.reproduction.figure import apart

PNG = "image/png"
SVG = "image/svg+xml"


def png(pixels: np.ndarray, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (40, 50, 3), dtype=np.uint8)


def test_pixels_count_not_bytes(pixels: np.ndarray) -> None:
    one, other = png(pixels, compress_level=0), png(pixels, compress_level=9)
    assert one != other
    assert apart(one, other, PNG) == 0


def test_the_share_of_the_pixels_that_differ(pixels: np.ndarray) -> None:
    changed = pixels.copy()
    changed[:4, :5] ^= 1
    assert apart(png(pixels), png(changed), PNG) == pytest.approx(20 / 2000)
    assert apart(png(pixels), png(pixels[:20]), PNG) == 1


def test_ids_and_dates_of_an_svg_do_not_count() -> None:
    def svg(identity: str, date: str, width: int) -> bytes:
        return (
            f'<svg><dc:date>{date}</dc:date><path id="{identity}" d="M 0 {width}"/>'
            f'<use xlink:href="#{identity}"/><g clip-path="url(#{identity})"/></svg>'
        ).encode()

    one = svg("m1f2e3d4c5b", "2026-11-21T10:00:00", 7)
    assert apart(one, svg("m0a9b8c7d6e", "2026-11-22T10:00:00", 7), SVG) == 0
    assert apart(one, svg("m0a9b8c7d6e", "2026-11-22T10:00:00", 8), SVG) == 1


def test_what_no_library_reads_is_not_judged() -> None:
    assert apart(b"one", b"other", PNG) is None
    assert apart(b"same", b"same", PNG) == 0
