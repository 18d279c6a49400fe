"""The engines' parts: networks, their forms, the mesh engine's stages."""
