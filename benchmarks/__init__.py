"""How much the networks compute and how long it takes; `python -m benchmarks --help`.

Measures the product as it is. Knows nothing of tests, and nothing it prints is asserted anywhere.
"""
