"""The deployment program: settings in, gcloud commands out.

Knows Google Cloud, not what it deploys.
"""
