"""Evidently's default preset on two Parquet files; run by its own Python, see drift.py."""

import json
import re
import sys
import time
import warnings

import pandas as pd

warnings.simplefilter("ignore")

from evidently import Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
small = reference[:1000]
Report([DataDriftPreset()]).run(small, small)  # its own lazy imports
began = time.process_time()
done = Report([DataDriftPreset()]).run(current, reference)
cpu = time.process_time() - began

found = []
for metric in done.dict()["metrics"]:
    told = re.fullmatch(
        r"ValueDrift\(column=(.*),method=(.*),threshold=(.*)\)", metric["metric_name"]
    )
    if told:
        is_p = told[2].endswith("p_value")
        value, limit = float(metric["value"]), float(told[3])
        if value < limit if is_p else value >= limit:
            found.append(told[1])
print(json.dumps({"cpu": cpu, "found": sorted(found)}))
