"""Routes, their bodies, and what is checked before anything is stored."""
