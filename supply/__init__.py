"""What the image is made of: packages by version and hash, their licences, a bill of materials."""
