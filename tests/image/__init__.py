"""`make image-check`: the Dockerfile replayed without a container engine, and started from."""
