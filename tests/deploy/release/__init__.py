"""Releases on the fake project: what serves, what served before, and the way back."""
