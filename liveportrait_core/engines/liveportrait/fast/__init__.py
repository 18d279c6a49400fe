"""The networks W and G in forms that take less arithmetic, made from the plain ones.

Each module is one idea of exact algebra: what comes out equals the plain form up to the order of
additions. Knows torch and `networks`; knows neither a runtime nor a device. Which idea pays how
much: docs/understand/performance.md.
"""
