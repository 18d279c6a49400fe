"""`wav2lip.npz`: sound, boxes, network and pasting, at full size on synthetic weights."""

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.lipsync.wav2lip.mel import (
    WINDOW_COLUMNS,
    mel_filters,
    mel_spectrogram,
    window_starts,
)
from liveportrait_core.lipsync.wav2lip.network import FACE_SIDE, Wav2Lip
from liveportrait_core.lipsync.wav2lip.original import (
    Boxes,
    network_input,
    padded,
    pasted,
    resized,
    smoothed,
)
from tests.golden.recipe import Mix, block_means
from tests.golden.sound_weights import sound_digest, sound_state, synthetic_sound
from tests.parity.golden_set import GoldenFile

RATES = {
    "24": Fraction(24), "25": Fraction(25), "30": Fraction(30), "60": Fraction(60),
    "2997": Fraction(30000, 1001), "23976": Fraction(24000, 1001),
}  # fmt: skip
MORE_PADS = (70, 20, 3, 70)
PICKED = (0, 1, 2)


def check_wav2lip(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file; LivePortrait's networks play no part."""
    del model
    mel = _check_sound(golden)
    _check_boxes(golden)
    _check_network(golden, mel)


def _check_sound(golden: GoldenFile) -> NDArray[np.float32]:
    golden.compare_summary("mel_filters", mel_filters())
    golden.compare("mel_filters_rows_0_40_79", mel_filters()[[0, 40, 79]])
    mels = {}
    for case, silent in (("a", None), ("b", slice(14_400, 20_000))):
        sound = synthetic_sound(golden.seeds, f"w2l/{case}", 36_800, silent=silent)
        digest = hashlib.sha256(sound.astype("<i2").tobytes()).hexdigest()
        golden.compare_names(f"sound_{case}__sha256", [digest])
        golden.compare(f"sound_{case}__head", sound[:16])
        mels[case] = mel_spectrogram((sound / np.float32(32768)).astype(np.float32))
        golden.compare(f"mel_{case}", mels[case])
        _check_edges(golden, case, mels[case])
    mel = mels["a"]
    for tag, fps in RATES.items():
        starts = window_starts(fps, mel.shape[1])
        golden.compare(f"win_{tag}_starts", np.array(starts))
        if f"win_{tag}_pick" in golden.arrays:
            picked = golden.given(f"win_{tag}_pick")
            golden.compare(f"win_{tag}_chunks", _windows(mel, starts, picked))
    return mel


def _check_edges(golden: GoldenFile, case: str, mel: NDArray[np.float32]) -> None:
    """The other library's edges: only the outer two columns at each end may differ from ours."""
    theirs = golden.given(f"mel_{case}_constant_edges")
    ours = np.concatenate([mel[:, :3], mel[:, -3:]], axis=1)
    golden.require(
        f"mel_{case}_constant_edges",
        bool((np.abs(ours - theirs)[:, [2, 3]] < 1e-5).all() and np.abs(ours - theirs).max() > 0.1),
        "reflection and zero padding should differ at the edges alone",
    )


def _windows(mel: NDArray[np.float32], starts: list[int], picked: Any) -> NDArray[np.float32]:
    return np.stack([mel[:, starts[i] : starts[i] + WINDOW_COLUMNS] for i in picked])


def _check_boxes(golden: GoldenFile) -> None:
    for length in (1, 2, 3, 4, 5, 6, 12):
        boxes = golden.given(f"box_{length}_in")
        more = padded(boxes, 220, 240, pads=MORE_PADS)
        golden.compare(f"box_{length}", _listed(smoothed(padded(boxes, 220, 240))))
        golden.compare(f"box_{length}_pads", _listed(smoothed(more)))
        golden.compare(f"box_{length}_nosmooth", _listed(more))
    picture = golden.seeds.lattice("w2l/resize", 173, 141, 11)
    small = resized(picture, FACE_SIDE, FACE_SIDE)
    golden.compare("resize_down_96", small)
    golden.compare("resize_up_96_to_141_173", resized(small, 141, 173)[40:120, 20:100])


def _listed(boxes: Boxes) -> NDArray[np.int64]:
    """The original's order: y1, y2, x1, x2."""
    return boxes[:, [1, 3, 0, 2]]


def _check_network(golden: GoldenFile, mel: NDArray[np.float32]) -> None:
    video = _video(golden)
    height, width = video.shape[1:3]
    boxes = smoothed(padded(golden.given("run_rects"), height, width))
    golden.compare("run_boxes", _listed(boxes))
    starts, picked = window_starts(Fraction(25), mel.shape[1]), golden.given("net_pick")
    frames = [int(index) % len(video) for index in picked]
    crops = [
        video[frame][y1:y2, x1:x2]
        for frame, (x1, y1, x2, y2) in zip(frames, boxes[frames].tolist(), strict=True)
    ]
    faces = np.stack([resized(crop, FACE_SIDE, FACE_SIDE) for crop in crops])
    golden.compare("net_face96", faces)
    windows = _windows(mel, starts, picked)[:, None]
    golden.compare("net_mel", windows)
    painted = _check_stages(golden, torch.from_numpy(windows), network_input(faces))
    golden.compare("net_out_frame1", painted[1])
    for row, frame in enumerate(frames):
        whole = pasted(video[frame], painted[row], boxes[frame])
        golden.compare(f"paste_{row}_small", block_means(whole, 12))
        golden.given(f"paste_{row}__sha256")  # a value at a whole number may fall on either side
        if row == 1:
            x1, y1, x2, y2 = boxes[frame].tolist()
            patch = whole[y1 - 4 : y2 + 4, x1 - 4 : x2 + 4]
            golden.compare_levels("paste_1_patch", patch, share=0.001)


def _video(golden: GoldenFile) -> NDArray[np.uint8]:
    video = np.stack(
        [
            golden.seeds.lattice(
                "w2l/video", 288, 384, 16, mix=Mix(name="w2l/video2", part=i, whole=8)
            )
            for i in range(8)
        ]
    )
    golden.compare_names("video__sha256", [hashlib.sha256(video.tobytes()).hexdigest()])
    golden.compare("video__corner", video[:, :4, :4])
    return video


def _check_stages(
    golden: GoldenFile, windows: Tensor, faces: NDArray[np.float32]
) -> NDArray[np.float32]:
    network = Wav2Lip()
    state = sound_state(golden.seeds, "wav2lip", network.state_dict())
    golden.compare_names("weights_check", [sound_digest(state)])
    network.load_state_dict(state, strict=True)
    network.eval().requires_grad_(False)
    stages: dict[str, Tensor] = {}
    watched: dict[str, nn.Module] = {
        **{f"face_enc{i}": block for i, block in enumerate(network.face_encoder_blocks)},
        **{f"audio_enc{i}": network.audio_encoder[i] for i in range(13)},
        **{f"face_dec{i}": block for i, block in enumerate(network.face_decoder_blocks)},
        "face_dec2_up": network.face_decoder_blocks[2][0],  # type: ignore[index]
        "out0": network.output_block[0],
        "out_logit": network.output_block[1],
        "net_out": network,
    }
    for name, module in watched.items():
        if name + "__shape" in golden.arrays:
            module.register_forward_hook(_keeps(stages, name))
    painted: Tensor = network(windows, torch.from_numpy(faces))
    for name, values in stages.items():
        golden.compare_summary(name, values)
    return painted.numpy()


def _keeps(stages: dict[str, Tensor], name: str) -> Any:
    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        stages[name] = output

    return keep
