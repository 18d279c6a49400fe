"""The life of a process: opening the renderer, being ready, telling its age."""
