"""The cloud emulator, driven over its network interfaces by the official clients."""
