"""The API of Cloud Tasks: its calls, over gRPC and over HTTP with JSON."""
