"""Pictures and clips, in and out.

Clips go through the bundled ffmpeg as a child process: `probe` reads a clip's header and timestamps
and refuses what exceeds the limits; `FrameReader` gives its frames upright and at a constant rate;
`FrameEncoder` writes the result. OpenCV's VideoCapture is deliberately not used: it follows
playlists to other files and cannot be stopped. Knows nothing of faces, motion or engines.
"""
