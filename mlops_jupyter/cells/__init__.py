"""Source analysis of cells: no I/O."""
