"""Generations that wait, are rendered and are told of, kept in one file so that none is lost."""
