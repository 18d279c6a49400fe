"""Documents as values: fields, order, limits, and the effect of a write. Pure."""
