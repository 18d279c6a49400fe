"""The motion of a face in LivePortrait's terms: read from clips, combined, refined, applied."""
