"""What a picture file lacks or repeats too often, told before it is decoded."""
