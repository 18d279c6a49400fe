"""Sound files: which are opened, and how they become `Speech`."""
