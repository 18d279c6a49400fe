"""Which files are opened for their sound, and what reading one may take.

A clip is opened too: of it, only the sound is read, and no decoder of pictures is started.
"""

from typing import Final

from liveportrait_core.media.child_limits import ChildLimits

ACCEPTED: Final = (
    "accepted: WAV, MP3, M4A, AAC, Ogg, Opus, FLAC, AIFF, CAF, AMR, or a clip (MP4, MOV, WebM, "
    "Matroska, AVI) with a sound track"
)
SOUND_DECODERS: Final = (
    "aac", "aac_latm", "ac3", "alac", "amrnb", "amrwb", "eac3", "flac", "mp2float", "mp3float",
    "opus", "libopus", "vorbis", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "pcm_alaw",
    "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
    "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be",
)  # fmt: skip
OPEN_SOUND_SAFELY: Final = (
    "-format_whitelist", "mov,matroska,avi,wav,w64,mp3,aac,ogg,flac,aiff,caf,amr",
    "-codec_whitelist", ",".join(SOUND_DECODERS), "-vn",
)  # fmt: skip
# From the beginning of the file: sound that begins later, or pauses, is filled with silence.
ON_THE_TIMELINE: Final = "async=1:first_pts=0"

# Measured: FLAC of eight channels at 192 kHz takes 33 MiB, and 16 ms of a core for each second.
SOUND_LIMITS: Final = ChildLimits(memory_bytes=2**29, processor_s=60, file_bytes=0)
