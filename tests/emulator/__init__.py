"""The stand-in cloud, driven over its wires by the official clients."""
