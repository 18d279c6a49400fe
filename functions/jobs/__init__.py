"""One job from trigger to result, through ports: no cloud library is imported here."""
