"""Sharing: data versions and runs to a store that others reach, and from there."""
