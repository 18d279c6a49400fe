"""Inspection and control of the running emulator: from Python, and over HTTP."""
