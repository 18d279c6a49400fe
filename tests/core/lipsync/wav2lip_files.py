"""Wav2Lip at full size with drawn weights, as `weights convert` leaves it."""

from pathlib import Path

from safetensors.torch import save_file

from liveportrait_core.lipsync.wav2lip import PLACE
from liveportrait_core.lipsync.wav2lip.network import Wav2Lip
from tests.golden.recipe import Seeds
from tests.golden.sound_weights import sound_state


def wav2lip_folder(folder: Path) -> Path:
    """A weights folder with it."""
    path = folder / PLACE
    path.parent.mkdir(parents=True)
    save_file(sound_state(Seeds(), "wav2lip", Wav2Lip().state_dict()), path)
    return folder
