"""Runs: recording, history, and their mirror in MLflow."""
