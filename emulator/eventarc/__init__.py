"""Eventarc: document changes become CloudEvents, delivered at least once."""
