"""Cloud Tasks: queues of HTTP requests, each pushed until it is answered with success."""
