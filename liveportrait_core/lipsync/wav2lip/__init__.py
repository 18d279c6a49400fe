"""Wav2Lip: a mouth of 96 pixels painted to fit the sound. Weights for research only.

Written from docs/understand/wav2lip.md.
"""
