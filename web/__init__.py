"""The renderer over HTTP: an API with one noun, the generation. `python -m web` serves it."""
