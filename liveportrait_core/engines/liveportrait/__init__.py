"""LivePortrait's networks as an engine, built from docs/liveportrait.md."""
