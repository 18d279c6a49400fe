"""The displacement fields, masks and layers that one warped frame of the mesh engine is made of."""
