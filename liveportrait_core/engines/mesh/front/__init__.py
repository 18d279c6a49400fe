"""What is nearer than the face, as a strand of hair or a cord: found, cut out, laid over it."""
