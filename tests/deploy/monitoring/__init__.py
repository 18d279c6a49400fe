"""Metrics, alerts and dashboard, as the log and Google's APIs take them."""
