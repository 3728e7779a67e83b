"""What the columns of a version look like: counts, quantiles, examples."""
