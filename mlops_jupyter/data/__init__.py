"""Versions of data: snapshots of frames and files."""
