"""Who computes the networks: torch, as they are written, or OpenVINO, from the fast forms."""
