"""Wire cases in one table: what a client sees on the embedded emulator and on Google's own."""
