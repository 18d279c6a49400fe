"""Structured queries, compiled: filters, order, cursors, aggregates. Pure."""
