"""Files, folders and URLs, into the object store and back, byte for byte."""
