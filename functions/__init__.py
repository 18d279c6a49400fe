"""The function: a write to an avatar document starts a render and gets its result.

Knows the cloud, handles no tensor.
"""
