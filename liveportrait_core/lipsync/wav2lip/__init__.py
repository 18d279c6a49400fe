"""Wav2Lip: a mouth of 96 pixels painted to fit the sound. Weights for research only.

Written from docs/understand/wav2lip.md.
"""

from pathlib import Path
from typing import Final

PLACE: Final = Path("wav2lip") / "wav2lip.safetensors"
"""In the weights folder. It stands here so that looking for the file does not load torch."""
