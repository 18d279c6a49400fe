"""The steps of a plan, by subject: how each resource is checked, made and removed. Pure."""
