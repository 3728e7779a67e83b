"""The checks of a gate, one kind in each module: ``judge(case, check)`` yields its results."""
