"""The deployment program, against a fake gcloud that is a real process."""
