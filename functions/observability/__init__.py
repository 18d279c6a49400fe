"""Log, spans and metrics, and their export."""
