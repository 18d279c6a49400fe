"""The unmodified Firebase SDKs of npm against the stand-in cloud: in Chromium and in Node."""
