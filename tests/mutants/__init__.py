"""Faults planted one at a time: would the tests notice? `make mutants`."""
