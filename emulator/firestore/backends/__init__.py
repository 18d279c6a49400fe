"""Where the documents live: in this process, in Google's emulator, or in a running suite."""
