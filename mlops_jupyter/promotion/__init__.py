"""Evaluation, gates, decisions, release."""
