"""Cloud Storage: one store of objects, and the HTTP APIs on it."""
