"""Adapters of the ports, and the wire formats: where Google's libraries are imported."""
