"""Firestore as the jobs use it: documents, ledgers, quotas, in transactions."""
