"""JoyVASA: sound becomes LivePortrait's motion, by a diffusion model over windows of 4 s.

Written from docs/understand/joyvasa.md. Needs the extra `speech` (transformers, for HuBERT).
"""

from pathlib import Path
from typing import Final

PLACE: Final = Path("joyvasa") / "joyvasa.safetensors"
"""In the weights folder. It stands here so that looking for the file does not load torch."""
