"""The months of the study: read one, or keep those that have arrived.

python months.py 7        everything until July is a data version now
"""

import calendar
import sys
from pathlib import Path

import pandas as pd

import mlops_jupyter

DATA = Path(__file__).parent / "data"


def read_month(number: int) -> pd.DataFrame:
    """Read one month of 2013, and add the label.

    A flight is late when it arrives more than 15 minutes after its scheduled time. The label
    of a flight that was cancelled or diverted is empty.
    """
    flights = pd.read_csv(DATA / f"2013-{number:02}.csv.gz", parse_dates=["date"])
    flights["late"] = flights["arr_delay"].astype("Int64") > 15
    return flights


def keep_months(until: int) -> dict[int, pd.DataFrame]:
    """Keep each month as the next version of `flights`: March is `flights@3`.

    The same content is the same version, so that doing it again changes nothing.
    """
    months = {number: read_month(number) for number in range(1, until + 1)}
    for number, flights in months.items():
        mlops_jupyter.snapshot(flights, "flights", note=f"{calendar.month_name[number]} 2013")
    return months


if __name__ == "__main__":
    last = int(sys.argv[1])
    rows = len(keep_months(last)[last])
    print(f"flights@{last}: {calendar.month_name[last]} 2013, {rows:,} flights")
