"""The queue of generations, the worker that renders them, and the webhooks."""
