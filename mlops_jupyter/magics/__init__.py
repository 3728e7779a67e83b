"""The notebook edge: capture and magics."""
