"""One render under a lease: the attempt, its inputs and video, what it publishes, kept motion."""
