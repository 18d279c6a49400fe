"""Cloud Tasks: queues of HTTP requests, each pushed until it succeeds."""
