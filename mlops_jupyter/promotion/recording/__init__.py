"""The record of decisions: a chain in the catalog, and its copy in MLflow."""
