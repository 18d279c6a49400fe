"""Whole renders and talks: how long, what they need, how they look."""
