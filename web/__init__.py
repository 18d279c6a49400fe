"""The renderer over HTTP. `python -m web` serves the API, `python -m web.studio` the pages too."""
