"""Video clips, by the bundled ffmpeg as a child process: probed, decoded, encoded."""
