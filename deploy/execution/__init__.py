"""How a plan is carried out: as commands that run, or as a script to read."""
