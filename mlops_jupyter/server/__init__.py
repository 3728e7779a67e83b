"""The Jupyter Server extension behind the side panel."""
