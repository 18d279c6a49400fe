"""Benchmarks of networks, mesh engine and emulator; see `python -m benchmarks --help`.

Times are printed for people; no test asserts them.
"""
