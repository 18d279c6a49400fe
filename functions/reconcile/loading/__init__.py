"""Load what a pass looks at: avatars and talks, page by page, with their objects."""
