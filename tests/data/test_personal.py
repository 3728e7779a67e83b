"""What looks personal is masked, and what does not is left alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data.statistics import profile
from mlops_jupyter.data.statistics.personal import is_personal_name, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to ada.l@example.co.uk, please", "write to ‹e-mail›, please"),
        ("+49 30 1234567", "‹phone›"),
        ("(555) 123-4567", "‹phone›"),
        ("4111 1111 1111 1111", "‹card›"),
        ("4111111111111111", "‹card›"),
        ("DE89 3704 0044 0532 0130 00", "‹IBAN›"),
        ("from 192.168.0.1", "from ‹IP›"),
        ("550e8400-e29b-41d4-a716-446655440000", "‹id›"),
        ("123-45-6789", "‹person›"),
        ("customer 123456789", "customer ‹digits›"),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "", "UA", "N14228", "1,234,567", "12345678", "0.8414709848078965", "-1.5e-10",
        "2024-02-29", "2024-02-29T12:00:00.123456Z", "29.02.2024 12:30", "2024/02/29",
        "52.520008, 13.404954", "ISO 9001:2015", "60K+ €", "v1.2.30",
    ],
)  # fmt: skip
def test_not_masked(text: str) -> None:
    assert masked(text) == text


def test_names_that_say_it() -> None:
    personal = ["email", "E-Mail", "customerId", "customer id", "last_name", "LastName", "name"]
    assert [name for name in personal if not is_personal_name(name)] == []
    plain = ["carrier_name", "id", "species", "driver_tenure", "car_value", "tailnum", "host", ""]
    assert [name for name in plain if is_personal_name(name)] == []


def test_nothing_personal_is_kept() -> None:
    frame = pd.DataFrame(
        {
            "contact": [f"ada{n}@example.org" for n in range(50)] * 2,
            "notes": ["call +49 30 1234567", "fine"] * 50,
            "customer_id": np.arange(8_000_000, 8_000_100) // 2,
            "phone": np.full(100, 4930123456.0),
            "surname": ["Lovelace", "Hopper"] * 50,
            "delay": np.arange(100),
        }
    )
    made = profile.of_value(frame)
    text = msgspec.json.encode(made).decode()
    for secret in ("ada", "1234567", "8000", "4930123456", "Lovelace", "Hopper"):
        assert secret not in text
    assert [c.is_personal for c in made.columns] == [True, False, True, True, True, False]
    assert made.columns[1].top == (("call ‹phone›", 50), ("fine", 50))
    assert made.columns[2].distinct == 50
