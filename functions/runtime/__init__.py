"""The life of a process: opening the renderer, readiness, the age of the process."""
