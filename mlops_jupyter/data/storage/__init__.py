"""Trees of columns in the object store: what a version shares with the ones before is kept once."""
