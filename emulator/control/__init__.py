"""Looking into the running cloud and steering it: from Python, and over HTTP."""
