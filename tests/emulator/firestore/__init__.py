"""Firestore: its calls, its transports, its backends."""
