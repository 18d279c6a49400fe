"""LivePortrait's animals: own networks, a face that is pointed out, absolute motion.

What differs from people, and nothing else: liveportrait.md, P10.
"""
