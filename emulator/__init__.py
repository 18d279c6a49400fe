"""The stand-in cloud: Firestore, Cloud Storage for Firebase and Eventarc on one machine.

Knows wire formats; imports neither the doorway nor the renderer.
"""
