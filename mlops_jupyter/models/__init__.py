"""Model versions in the MLflow registry."""
