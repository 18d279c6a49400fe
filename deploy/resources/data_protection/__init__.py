"""Data protection: security rules, CORS and lifecycle of the bucket, expiry, indexes."""
