"""Runs executed again from clean state and compared; their notebooks; what two runs differ in."""
