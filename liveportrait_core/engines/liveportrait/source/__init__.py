"""What is animated: a portrait or a clip, cropped, measured, and put together again."""
