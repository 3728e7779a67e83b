"""What models say of the same rows, and how good it is: rows, predictions, metrics, slices."""
