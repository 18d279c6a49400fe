"""Where the documents are: in this process, in Google's emulator, or in a running suite."""
