"""The engine that needs no downloaded weights: a face mesh moves the portrait's own pixels."""
