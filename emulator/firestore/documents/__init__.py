"""Documents as values: their fields, order, limits, and what a write makes of them. Pure."""
