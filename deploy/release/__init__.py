"""Releases: which revision of a service serves, which one served before, which ones go."""
