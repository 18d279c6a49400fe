"""The deployment program: from settings to gcloud commands.

Knows Google Cloud, not the deployed code.
"""
