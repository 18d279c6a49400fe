"""Still pictures: decoded upright in sRGB, within limits checked before decoding; written."""
