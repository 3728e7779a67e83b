"""What can be observed of a living kernel: its namespace, its process, the files it opens."""
