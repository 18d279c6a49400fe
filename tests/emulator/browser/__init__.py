"""The unmodified Firebase SDKs of npm against the emulator: in Chromium and in Node."""
