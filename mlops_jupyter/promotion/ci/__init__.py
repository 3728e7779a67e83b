"""The pipeline file of a CI system: notebooks, gate, promotion, report."""
