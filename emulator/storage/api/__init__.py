"""The APIs of Cloud Storage: JSON, XML, and Firebase's `v0`."""
