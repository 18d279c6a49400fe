"""Cloud Storage: one store of objects, and the two HTTP dialects that speak to it."""
