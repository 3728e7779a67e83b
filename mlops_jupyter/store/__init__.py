"""Bytes and rows: the object store and the catalog. Knows no noun of the layers above."""
