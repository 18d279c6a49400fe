"""How much may be rendered at a time, and in a day. Pure."""
