"""Notebooks cut into steps and run by papermill."""
