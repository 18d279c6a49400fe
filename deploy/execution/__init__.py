"""Execution of a plan, and its form as a shell script."""
