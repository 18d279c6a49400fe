"""What one document of `avatars/{avatarId}/talks` asks for: the avatar, speaking."""
