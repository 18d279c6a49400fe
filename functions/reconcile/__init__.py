"""Reconcile: finds and mends the avatars that events missed; contract.md, section 10.

Looks at many at a time (`survey`, by `census` and `inventory`), judges each (`discrepancy`), goes
round (`itinerary`, `sweep`), and mends by the doorway's ordinary path wherever there is one
(`mending`, `repairs`).
"""
