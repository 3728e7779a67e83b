"""``%mlops diff`` in a notebook."""

from __future__ import annotations

import pytest

from tests.kernel import Kernel

TWO = """
import pandas as pd
one = pd.DataFrame({"shop": ["A1", "B2", "<b>"], "sold": [1, 2, 3]})
two = one.assign(sold=[1, 9, 3])
%snapshot one --name shops
%snapshot two --name shops
"""


@pytest.fixture
def shops(kernel: Kernel) -> Kernel:
    assert kernel.run(TWO).status == "ok"
    return kernel


@pytest.mark.parametrize(
    "source",
    ["%mlops diff shops@1 shops@2", "import mlops_jupyter as m; m.diff('shops@1', 'shops@2')"],
)
def test_data_versions_are_compared_on_the_page(shops: Kernel, source: str) -> None:
    answer = shops.run(source)
    assert (answer.status, answer.error) == ("ok", "")
    (shown,) = answer.data
    assert shown["text/plain"].startswith("shops@1 → shops@2 · 3 rows")
    assert "sold: 1 of 3 cells changed" in shown["text/plain"]
    assert "sold: 1 of 3 cells changed" in shown["text/html"]


def test_options_are_those_of_the_command(shops: Kernel) -> None:
    answer = shops.run("%mlops diff shops@1 shops@2 --check")
    assert answer.status == "ok"
    assert "sold: 1 of 3 cells changed" in answer.text
    answer = shops.run("%mlops diff shops@1 shops@2 --key sold --key shop")
    assert "found again by sold, shop, as asked" in answer.data[0]["text/plain"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shops@1", "Missing argument 'AFTER'"),
        ("shops@1 shops@7", "there is no data version 'shops@7'"),
        ("shops@1 shops@2 --key sort", "there is no column on both sides 'sort'"),
        ("shops@1 shops@2 --kee x", "No such option"),
    ],
)
def test_mistakes_are_one_line(shops: Kernel, line: str, said: str) -> None:
    answer = shops.run(f"%mlops diff {line}")
    assert answer.status == "error"
    assert said in answer.error
    assert "Traceback" not in answer.error
