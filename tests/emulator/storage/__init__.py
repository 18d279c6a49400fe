"""Cloud Storage: its APIs and the parts that read requests."""
