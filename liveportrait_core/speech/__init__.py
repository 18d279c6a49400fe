"""Sound and what a mouth does while it is heard. Knows numpy only: no engine, no file."""
