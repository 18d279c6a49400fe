"""A fake project: what `gcloud` and `curl` answer about it, as real processes on the PATH."""
