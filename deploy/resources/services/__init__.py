"""The services and the job on Cloud Run: the function's, and the HTTP API."""
