"""Contracts drafted from a version, which people edit and gates check."""
