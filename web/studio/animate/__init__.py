"""The page that animates a portrait without a cloud."""
