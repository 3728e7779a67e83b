"""What came from what: a read-only walk over data versions, files, cells, runs and models."""
