"""LivePortrait's networks as an engine, built from liveportrait.md."""
