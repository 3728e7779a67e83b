"""Versions of what a query of a database gives."""
