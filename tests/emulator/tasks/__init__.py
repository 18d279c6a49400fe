"""Cloud Tasks: its calls, queues, retries and tokens."""
