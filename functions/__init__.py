"""The doorway: a Firestore write becomes a render, and the avatar document learns of it.

Knows the cloud, knows no tensor.
"""
