"""The log, spans and metrics, and where they are sent."""
