"""The deployment program: settings in, gcloud commands out; knows Google Cloud and neither package it deploys."""
