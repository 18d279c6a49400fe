"""The deployment program, against a stand-in for gcloud that is a real process."""
