"""A voice as it is heard: its spectra, when it speaks, and what they tell of the mouth."""
