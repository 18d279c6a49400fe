"""The steps of a plan, by subject: how each resource is checked, created and removed. Pure."""
