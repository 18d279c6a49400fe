"""JoyVASA: sound becomes LivePortrait's motion, by a diffusion model over windows of 4 s.

Written from docs/understand/joyvasa.md. Needs the extra `speech` (transformers, for HuBERT).
"""
