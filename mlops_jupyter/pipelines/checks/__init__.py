"""What `mlops pipeline check` looks for, one module each; nothing is run."""
