"""``mlops gate MODEL --init``: a first policy, from a run."""
