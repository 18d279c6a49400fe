"""A cloud emulator: Firestore, Cloud Storage for Firebase, Eventarc and Cloud Tasks on one machine.

Knows wire formats; imports neither `functions` nor `liveportrait_core`.
"""
