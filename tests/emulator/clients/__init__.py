"""Clients of Storage that no other test uses: their requests, and the clients themselves."""
