"""What a document asks for, what is decided, what is shown. Pure: no clock, network or file."""
