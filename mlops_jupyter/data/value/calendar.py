"""Time zones and frequencies as JSON: the usual by name, others as a pickle that we wrote."""

from __future__ import annotations

import datetime as dt
import pickle
import zoneinfo
from typing import Any

import pandas as pd
from pandas.tseries.frequencies import to_offset

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.errors import UsageError


def tell_zone(zone: dt.tzinfo) -> dict[str, Any]:
    """Return the facts from which `zone_of` makes the zone again."""
    if zone is dt.UTC:
        return {"zone": "UTC"}
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return {"zoneinfo": zone.key}
    return {"pickled_zone": pickle.dumps(zone, 5).hex()}


def zone_of(stored: Stored) -> dt.tzinfo:
    """Return the zone that `tell_zone` told.

    Raises
    ------
    UsageError
        This machine does not know the zone.
    """
    facts = stored.facts
    if "zone" in facts:
        return dt.UTC
    try:
        if "zoneinfo" in facts:
            return zoneinfo.ZoneInfo(facts["zoneinfo"])
        zone: dt.tzinfo = stored.unpickled(bytes.fromhex(facts["pickled_zone"]))
    except (zoneinfo.ZoneInfoNotFoundError, ImportError, AttributeError) as error:
        raise UsageError(
            f"a time zone is not known on this machine: {error}",
            hint="install the time zones, e.g. `pip install tzdata`",
        ) from None
    return zone


def tell_freq(index: pd.Index[Any]) -> dict[str, Any]:
    """Return the facts from which `set_freq` gives an index its frequency again."""
    freq = getattr(index, "freq", None)
    if freq is None or isinstance(index.dtype, pd.PeriodDtype):
        return {}
    try:
        if to_offset(freq.freqstr) == freq:
            return {"freq": freq.freqstr}
    except ValueError:
        pass  # an offset with more to it than its name, e.g. with holidays
    return {"pickled_freq": pickle.dumps(freq, 5).hex()}


def set_freq(index: pd.Index[Any], stored: Stored) -> pd.Index[Any]:
    """Return the index with the frequency that `tell_freq` told."""
    times: Any = index
    facts = stored.facts
    if "freq" in facts:
        times.freq = facts["freq"]
    if "pickled_freq" in facts:
        times.freq = stored.unpickled(bytes.fromhex(facts["pickled_freq"]))
    return index
