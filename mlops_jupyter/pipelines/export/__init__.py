"""Pipelines written for other tools: each of their tasks is one step, run by ``mlops``."""
