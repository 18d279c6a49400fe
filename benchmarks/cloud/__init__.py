"""What lies around a render: the emulator and events, measured; a deployment, on paper."""
