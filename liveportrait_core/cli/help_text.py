"""The words of `--help` that are no option: examples, exit status, environment."""

import argparse
from typing import NoReturn


class CommandParser(argparse.ArgumentParser):
    """Refuses in one line, as every other refusal; `--help` shows the usage."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"INVALID_PARAMS: {message}; see {self.prog} --help\n")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as a manual page: texts keep their lines, options have room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


EXAMPLES = """\
examples:
  A portrait that moves like somebody in a clip, as the app makes it:
    python -m liveportrait_core render portrait.jpg driving.mp4 -o idle.mp4
  Which strength suits a clip? Several of them, and one picture that compares them:
    python -m liveportrait_core ladder portrait.jpg driving.mp4 -o ladder/
  No driving clip at hand:
    python -m liveportrait_core idle portrait.jpg -o idle.mp4 --seconds 6
  Is it what the contract promises? With a picture for people:
    python -m liveportrait_core inspect idle.mp4 --portrait portrait.jpg --contact sheet.png
"""

RENDER_EXAMPLES = """\
what moves what:
  PORTRAIT   a picture, or a clip of a face (LivePortrait only)
  DRIVING    a clip; a motion template, .npz or .pkl (LivePortrait only); or a picture, which gives
             a picture (LivePortrait only)
  Several portraits go into a folder, each under its own name; the driving file is analysed once.
  Where one of them fails, the others are made all the same, and the exit status tells.

examples:
  Weaker, and only the expression:
    python -m liveportrait_core render portrait.jpg driving.mp4 -o idle.mp4 \\
      --driving-multiplier 0.25 --animation-region exp
  A small picture for a chat, and the numbers beside it in chat.quality.json:
    python -m liveportrait_core render portrait.jpg driving.mp4 -o chat.gif \\
      --output-size 256 --quality
  With the speaker's voice, which the loop's easing would not fit:
    python -m liveportrait_core render portrait.jpg talk.mp4 -o said.mp4 --audio driving --no-loop
  A whole class by one clip:
    python -m liveportrait_core render class/*.jpg driving.mp4 -o out/ --format webp
  Motion kept and used again (LivePortrait):
    python -m liveportrait_core template driving.mp4 -o motion.npz
    python -m liveportrait_core render portrait.jpg motion.npz -o idle.mp4
  A clip dubbed by another, and a picture by a picture (LivePortrait):
    python -m liveportrait_core render film.mp4 driving.mp4 -o dubbed.mp4 --audio source
    python -m liveportrait_core render portrait.jpg smile.jpg -o smiling.jpg
"""

SWEEP_EXAMPLES = """\
examples:
  Which multiplier suits this clip?
    python -m liveportrait_core ladder portrait.jpg driving.mp4 -o ladder/
  Three strengths around the usual one, small, with all that was measured:
    python -m liveportrait_core ladder portrait.jpg driving.mp4 -o ladder/ \\
      --multipliers 0.3,0.4,0.5 --output-size 512 --quality
"""

EXIT_STATUS = """\
exit status:
  0    done
  1    failed, or (inspect, weights verify) fallen short of what was promised
  2    a file, an option or the machine cannot do what was asked; one line on stderr names the
       thing, the value, and what would be accepted
  130  interrupted; nothing unfinished was left
"""

ENVIRONMENT = """\
environment:
  CUDA_VISIBLE_DEVICES  which GPUs --device can mean
  OMP_NUM_THREADS       how many CPU threads the networks take
  IMAGEIO_FFMPEG_EXE    another ffmpeg than the one that came with imageio-ffmpeg
  HF_ENDPOINT           another server for `weights fetch`
"""
