"""Firestore's documents and values as they come: protobuf, most of it never decoded."""
