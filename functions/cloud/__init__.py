"""The adapters of the ports, and the wire forms: the only imports of Google's libraries."""
