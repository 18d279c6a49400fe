"""Methods that change the mouth in frames already drawn. Know frames, never an engine."""
