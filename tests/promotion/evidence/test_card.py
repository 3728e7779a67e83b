"""A gate report as a card: what it says, what it draws, and that nothing in it runs."""

from __future__ import annotations

import dataclasses
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.evidence import card

CHECK = CheckResult(
    check="accuracy not worse than champion v2 by more than 0.01", verdict="pass",
    challenger=0.914, champion=0.91, why="0.914 against 0.91: better by 0.004", kind="compare",
    id="compare/accuracy", value=0.004, lower=-0.002, upper=0.01, limit=-0.01, side="above",
    count=2_000, p=0.0003, method="paired t",
)  # fmt: skip


def decision(*checks: CheckResult, verdict: Any = "pass", **more: Any) -> Decision:
    report = GateReport(
        verdict=verdict, challenger=3, champion=2, bootstrap=False, data="test@1",
        row_count=2_000, left_out=0, checks=checks, **more,
    )  # fmt: skip
    return Decision(
        id="d", model="late", kind="hold" if verdict == "hold" else "pass", state="applied",
        from_version=2, to_version=3, reason="", actor="maya", decided_at="2026-01-31T12:00:00Z",
        report=report,
    )  # fmt: skip


def drawn(check: CheckResult, *beside: CheckResult) -> ET.Element:
    return ET.fromstring(card.svg(check, [check, *beside]))


def test_an_interval_is_drawn_and_said() -> None:
    picture = drawn(CHECK)
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == (
        "difference +0.4 pt (−0.2 to +1.0); limit ≥ −1 pt · 2,000 rows · paired t · p = 0.0003"
    )
    (shade,) = picture.iter("rect")  # what is beyond the limit: to the left of it
    wall = float(shade.get("width", ""))
    (point,) = picture.iter("circle")
    assert wall < float(point.get("cx", ""))


def test_an_open_interval_goes_on_to_the_border() -> None:
    picture = drawn(dataclasses.replace(CHECK, upper=None))
    assert str(card.WIDTH) in {(line.get("x2") or "").removesuffix(".0") for line in picture}


def test_slices_have_one_scale() -> None:
    near = dataclasses.replace(CHECK, kind="slices", id="slices/accuracy/a")
    far = dataclasses.replace(near, id="slices/accuracy/b", value=0.5, lower=0.4, upper=0.6)
    page = card.as_html(decision(near, far))
    first, second = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', page))
    assert first < card.WIDTH / 4 < card.WIDTH / 2 < second


@pytest.mark.parametrize(
    "more",
    [
        {"value": None},
        {"value": math.nan},
        {"limit": None, "lower": None, "upper": None},
        {"limit": math.inf, "lower": math.nan, "upper": -math.inf},
    ],
)
def test_nothing_is_drawn_where_there_is_nothing(more: dict[str, Any]) -> None:
    check = dataclasses.replace(CHECK, **more)
    assert card.svg(check, [check]) == ""
    assert "accuracy not worse" in card.as_html(decision(check))


def test_equal_numbers_stand_in_the_middle() -> None:
    still = dataclasses.replace(CHECK, kind="floor", value=1, lower=1, upper=1, limit=1)
    (point,) = drawn(still).iter("circle")
    assert float(point.get("cx", "")) == card.WIDTH / 2


def test_the_worst_is_first_and_says_what_would_settle_it() -> None:
    holds = dataclasses.replace(CHECK, verdict="hold", check="log_loss", rows_needed=8_412)
    made = decision(CHECK, holds, verdict="hold", warnings=("21 candidates",))
    text = card.as_text(made, "collect more rows")
    assert text.index("? undecided: log_loss") < text.index("✓ passed: accuracy")
    assert "about 8,500 rows would settle it" in text
    assert "warning: 21 candidates" in text
    assert text.endswith("next: collect more rows")
    page = card.as_html(made, "collect more rows")
    assert "undecided</span>" in page
    assert "21 candidates" in page


def test_many_slices_that_passed_are_folded() -> None:
    slices = [
        dataclasses.replace(CHECK, kind="slices", id=f"slices/accuracy/{n}", check=f"slice {n};")
        for n in range(33)
    ]
    bad = dataclasses.replace(slices[20], verdict="fail")
    page = card.as_html(decision(*slices[:20], bad, *slices[21:], verdict="fail"))
    shown, _, folded = page.partition("<details>")
    assert "slice 20;" in shown
    assert "slice 3;" not in shown
    assert folded.count("<svg") == 32


def test_the_line_about_all_slices_stays_with_a_scale_of_its_own() -> None:
    alone = dataclasses.replace(CHECK, kind="slices", id="slices/accuracy", check="no slice")
    slices = [dataclasses.replace(alone, id=f"slices/accuracy/{n}") for n in range(33)]
    shown, _, _ = card.as_html(decision(alone, *slices)).partition("<details>")
    assert shown.count("<svg") == 1
    assert "<svg" in card.as_html(decision(alone))


def test_no_text_of_the_data_becomes_a_tag() -> None:
    hostile = "</td></svg><script>alert(1)</script>\"'&"
    check = dataclasses.replace(CHECK, check=hostile, why=hostile, method=hostile)
    made = dataclasses.replace(decision(check, warnings=(hostile,)), model=hostile)
    page = card.as_html(made, hostile)
    assert "<script" not in page
    assert page.count("</svg>") == 1
    assert ET.fromstring(page) is not None


def test_a_decision_without_a_report_is_one_line() -> None:
    back = dataclasses.replace(decision(), kind="rollback", report=None, reason="complaints <b>")
    assert card.as_text(back).count("\n") == 0
    assert "complaints &lt;b&gt;" in card.as_html(back)
