"""Firestore: one store of documents, and the protocols that speak to it."""
