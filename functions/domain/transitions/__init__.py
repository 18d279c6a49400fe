"""Transitions of an avatar's ledger and document: each is one transaction, decided here. Pure."""
