"""Eventarc: triggers, and the delivery of events."""
