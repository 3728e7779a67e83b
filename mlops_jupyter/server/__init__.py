"""The Jupyter Server edge."""
