"""`joyvasa.npz`: from sound to motion, on synthetic weights, and the original's key points."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.joyvasa.denoiser import Denoiser, PositionTable
from liveportrait_core.engines.liveportrait.joyvasa.encoder import SoundEncoder, empty_encoder
from liveportrait_core.engines.liveportrait.joyvasa.generator import MotionGenerator
from liveportrait_core.engines.liveportrait.joyvasa.motion import (
    HeadMotion,
    MotionStatistics,
    denormalised,
    smoothed,
)
from liveportrait_core.engines.liveportrait.joyvasa.sampler import (
    Sampling,
    WindowGuess,
    sample,
    trajectory,
)
from liveportrait_core.engines.liveportrait.joyvasa.schedule import cosine_schedule, sinusoid
from liveportrait_core.engines.liveportrait.joyvasa.windows import (
    WINDOW_SAMPLES,
    cut_windows,
    lengthened,
)
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.composition import LIP_ROWS
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    hull_multiplier,
    rotation_matrix,
    transform_keypoints,
)
from tests.golden.recipe import Seeds
from tests.golden.sound_weights import sound_digest, sound_state, synthetic_sound
from tests.parity.golden_set import GoldenFile

TINY_HUBERT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "conv_dim": [16] * 7,
}  # fmt: skip
MULTIPLIER = np.float32(1.1)


def check_joyvasa(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    _check_tables(golden)
    _check_full_denoiser(golden)
    generator = _reduced(golden)
    _check_denoiser(golden, generator.denoising_net, "den", 64, [7, 400])
    encoder = _encoder(golden)
    _check_encoder(golden, encoder, generator)
    _check_window(golden, generator, encoder)
    _check_sounds(golden, generator, encoder)
    head = _check_motion(golden)
    _check_render(golden, model, head)


def _check_tables(golden: GoldenFile) -> None:
    for steps in (12, 50, 500):
        schedule = cosine_schedule(steps)
        for name, values in (
            ("betas", schedule.betas), ("alphas", schedule.alphas),
            ("alpha_bars", schedule.alpha_bars), ("sigmas_inflex", schedule.sigmas),
            ("sigmas_flex", schedule.upper_sigmas),
        ):  # fmt: skip
            golden.compare(f"sched{steps}_{name}", values)
    golden.compare("pe64_rows", sinusoid(501, 64)[[0, 1, 12, 110, 500]])
    golden.compare("pe512_rows", sinusoid(600, 512)[[0, 1, 109, 110, 599]])
    distance = np.abs(np.arange(6)[:, None] - np.arange(6)[None])
    for width in (1, 2, 3):  # the product has width 1 alone: each token hears its own frame
        golden.compare(f"mask6_width{width}", distance > width - 1)
    index = lengthened(np.arange(WINDOW_SAMPLES).astype(np.float32)).astype(np.int64)
    golden.compare("pad_shape", np.array([1, len(index)]))
    golden.compare("pad_head_index", index[:44])
    golden.compare("pad_tail_index", index[-44:])
    counts = golden.given("counts")
    ours = [cut_windows(np.zeros(row[0], np.float32)) for row in counts]
    golden.compare(
        "counts", np.stack([_counted(row, cut) for row, cut in zip(counts, ours, strict=True)])
    )


def _counted(row: NDArray[np.int64], cut: Any) -> NDArray[np.int64]:
    windows = len(cut.windows)
    return np.array([row[0], cut.frame_count, windows, cut.frame_count - 100 * (windows - 1)])


def _check_full_denoiser(golden: GoldenFile) -> None:
    denoiser = Denoiser(width=512, layers=8, positions=PositionTable.INDEXED)
    keys = {f"denoising_net.{key}": value for key, value in denoiser.state_dict().items()}
    state = sound_state(golden.seeds, "joyvasa", keys)
    _compare_digest(golden, "weights_check_full_denoiser", sound_digest(state))
    plain = {key.removeprefix("denoising_net."): value for key, value in state.items()}
    denoiser.load_state_dict(plain, strict=True)
    denoiser.eval().requires_grad_(False)
    _check_denoiser(golden, denoiser, "full", 512, [250])


def _reduced(golden: GoldenFile) -> MotionGenerator:
    empty = MotionGenerator(
        width=64, layers=2, steps=12, previous_frames=10, sound_width=32,
        positions=PositionTable.INDEXED,
    )  # fmt: skip
    state = sound_state(golden.seeds, "joyvasa", empty.state_dict())
    _compare_digest(golden, "weights_check_reduced", sound_digest(state))
    schedule = {"diffusion_sched.betas": cosine_schedule(12).betas}
    return MotionGenerator.of(state | schedule, PositionTable.INDEXED)


def _encoder(golden: GoldenFile) -> SoundEncoder:
    state = sound_state(golden.seeds, "hubert", empty_encoder(**TINY_HUBERT).state_dict())
    _compare_digest(golden, "weights_check_hubert", sound_digest(state))
    return SoundEncoder(state, **TINY_HUBERT)


def _compare_digest(golden: GoldenFile, array: str, digest: str) -> None:
    golden.compare_names(array, [digest])


def _sound(golden: GoldenFile, case: str, name: str, count: int) -> NDArray[np.float32]:
    values = synthetic_sound(golden.seeds, name, count)
    if case == "short":
        values[-1] = 9000
    digest = hashlib.sha256(values.astype("<i2").tobytes()).hexdigest()
    _compare_digest(golden, f"{case}_sound__sha256", digest)
    if case == "hub":
        golden.compare("hub_sound__head", values[2000:2016])
    return (values / np.float32(32768)).astype(np.float32)


def _check_denoiser(
    golden: GoldenFile, denoiser: Denoiser, tag: str, width: int, steps: list[int]
) -> None:
    batch = len(steps)

    def drawn(name: str, *shape: int) -> Tensor:
        return torch.from_numpy(golden.seeds.noise(f"jv/{tag}/{name}", (batch, *shape)))

    previous, noisy = drawn("prev_motion", 10, 70), drawn("motion", 100, 70)
    sound = torch.cat([drawn("prev_audio", 10, width), drawn("audio", 100, width)], dim=1)
    times = torch.tensor(steps)
    golden.compare(f"{tag}_step", denoiser.step_embedding(times)[:, 0])
    whole = torch.cat([previous, noisy], dim=1)
    golden.compare_summary(f"{tag}_proj", denoiser.feature_proj(whole))
    heard = denoiser.listen(sound)
    stages: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(_keeps(stages, f"{tag}_layer{i}"))
        for i, layer in enumerate(denoiser.layers)
    ]
    first = denoiser.layers[0]
    hooks += [
        getattr(first, norm).register_forward_hook(_keeps(stages, f"{tag}_layer0_{norm}"))
        for norm in ("norm1", "norm2")
    ]
    indexed = denoiser(previous, noisy, heard, times)
    for hook in hooks:
        hook.remove()
    for name, values in stages.items():
        golden.compare_summary(name, values)
    golden.compare_summary(f"{tag}_out_indexed", indexed)
    if tag == "den":
        golden.compare("den_out", indexed)
    denoiser.positions = PositionTable.CONSTANT
    golden.compare_summary(f"{tag}_out_constant", denoiser(previous, noisy, heard, times))
    denoiser.positions = PositionTable.INDEXED


def _keeps(stages: dict[str, Tensor], name: str) -> Any:
    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        stages[name] = output[0] if isinstance(output, tuple) else output

    return keep


def _check_encoder(golden: GoldenFile, encoder: SoundEncoder, generator: MotionGenerator) -> None:
    window = _sound(golden, "hub", "jv/clip", 64_000)
    network, stages = encoder.network, dict[str, Tensor]()
    for name, module in (
        ("hub_conv", network.feature_extractor),
        ("hub_proj", network.feature_projection),
        ("hub_pos", network.encoder.pos_conv_embed),
        ("hub_layer0", network.encoder.layers[0]),
        ("hub_layer1", network.encoder.layers[1]),
    ):
        module.register_forward_hook(_keeps(stages, name))
    hidden = encoder(window)
    for name, values in stages.items():
        golden.compare_summary(name, values)
    golden.compare("hub_hidden", hidden[0])
    golden.compare("audio_feat", generator.sound_features(hidden)[0])


@dataclass(frozen=True, kw_only=True)
class RecipeNoise:
    """The noise that the vectors were made with."""

    seeds: Seeds
    case: str

    def start(self) -> Tensor:
        return self._drawn("xT")

    def of_step(self, window: int, step: int) -> Tensor:
        return self._drawn(f"w{window}/z{step}")

    def _drawn(self, name: str) -> Tensor:
        return torch.from_numpy(self.seeds.noise(f"jv/{self.case}/{name}", (1, 100, 70)))


def _check_window(golden: GoldenFile, generator: MotionGenerator, encoder: SoundEncoder) -> None:
    window = synthetic_sound(golden.seeds, "jv/clip", 64_000) / np.float32(32768)
    sound = generator.sound_features(encoder(window.astype(np.float32)))
    noise = RecipeNoise(seeds=golden.seeds, case="win")

    def guessing(guidance: float | None) -> WindowGuess:
        return WindowGuess(
            generator, sound, generator.start_motion_feat, generator.start_audio_feat, guidance
        )

    guess = guessing(2.8)
    without, with_sound = guess.branches(noise.start(), 12)
    golden.compare("win_first_null", without)
    golden.compare("win_first_audio", with_sound)
    path = list(trajectory(guess, generator, noise.start(), noise, 0))
    golden.compare("win_traj_slices", torch.stack([x[0, ::10, ::7] for x in path]))
    golden.compare("win_out", path[-1][0])
    *_, unguided = trajectory(guessing(None), generator, noise.start(), noise, 0)
    golden.compare("win_noguide_slice", unguided[0, ::10, ::7])
    generator.denoising_net.positions = PositionTable.CONSTANT
    *_, constant = trajectory(guessing(2.8), generator, noise.start(), noise, 0)
    golden.compare("win_constant_pe", constant[0])
    generator.denoising_net.positions = PositionTable.INDEXED


def _check_sounds(golden: GoldenFile, generator: MotionGenerator, encoder: SoundEncoder) -> None:
    for case, count, arrays in (
        ("long", 158_300, ("long",)),
        ("short", 20_800, ("short_zero", "short_replicate")),
    ):
        cut = cut_windows(_sound(golden, case, f"jv/{case}", count))
        features = [generator.sound_features(encoder(window)) for window in cut.windows]
        noise = RecipeNoise(seeds=golden.seeds, case=case)
        numbers = sample(generator, features, noise, Sampling())[: cut.frame_count]
        for array in arrays:  # both ways of padding give the same: the last sample is a zero
            golden.compare(f"{array}_coef", numbers)
            golden.compare(f"{array}_n_frames", np.array(cut.frame_count))


def _check_motion(golden: GoldenFile) -> HeadMotion:
    keys = [key for key in golden.arrays if key.startswith("template_")]
    arrays = {key.removeprefix("template_"): golden.given(key) for key in keys}
    coefficients = golden.arrays["long_coef"]
    head = denormalised(coefficients, MotionStatistics.of(arrays), strict=False)
    for name, motion in (("raw", head), ("smooth", smoothed(head))):
        golden.compare(f"long_{name}_scale", motion.scale)
        golden.compare(f"long_{name}_t", motion.translation)
        golden.compare(f"long_{name}_pitch", motion.pitch_deg)
        golden.compare(f"long_{name}_yaw", motion.yaw_deg)
        golden.compare(f"long_{name}_roll", motion.roll_deg)
        golden.compare(f"long_{name}_R", motion.rotation)
    golden.compare_summary("long_exp", head.expression)
    golden.compare("long_exp_frames_0_99_100_249", head.expression[[0, 99, 100, 249]])
    return head


def _check_render(golden: GoldenFile, model: Model, head: HeadMotion) -> None:
    frames = golden.given("render_frames")
    driving = head.motion.each(lambda values: values[frames])
    source = _source(golden)
    still = transform_keypoints(source)
    golden.compare("render_x_s", still[0])
    for array in golden.arrays:
        parts = array.removeprefix("render_").split("_")
        if not array.startswith("render_") or parts[-1] not in ("st0", "st1", "pose"):
            continue
        if parts[0] == "animal":
            composed, expression_friendly = _animal(source, driving), True
        else:
            composed = _composed(source, driving, parts[0])
            expression_friendly = parts[1] == "rel1" and parts[-1] != "pose"
        keypoints = transform_keypoints(composed)
        if expression_friendly:
            ratio = np.float32(hull_multiplier(still[0], keypoints[0]))
            keypoints = still + (keypoints - keypoints[:1]) * ratio
        if "st1" in parts:
            keypoints = model.stitch(np.broadcast_to(still, keypoints.shape), keypoints)
        golden.compare(array, still + MULTIPLIER * (keypoints - still))


def _source(golden: GoldenFile) -> Motion:
    def part(name: str) -> Floats:
        return golden.given(f"render_src_{name}")

    return Motion(
        canonical_keypoints=part("kp"),
        rotation=rotation_matrix(part("pitch"), part("yaw"), part("roll")),
        expression=part("exp"),
        scale=part("scale"),
        translation=part("t"),
    )


def _composed(source: Motion, driving: Motion, region: str) -> Motion:
    """Lay the driving motion over the source as the original's render does (joyvasa.md, 7)."""
    count, lips = driving.frame_count, list(LIP_ROWS)
    source = source.each(lambda values: np.repeat(values, count, axis=0))
    change = driving.expression - driving.expression[:1]
    expression = source.expression.copy()
    if region in ("all", "exp"):
        expression += change
        expression[:, lips] = driving.expression[:, lips]
    elif region == "lip":
        expression[:, lips] += change[:, lips]
    rotation: Floats = source.rotation
    if region in ("all", "pose"):
        since_first = driving.rotation @ driving.rotation[:1].transpose(0, 2, 1)
        rotation = (since_first @ source.rotation).astype(np.float32)
    return replace(
        source,
        rotation=rotation,
        expression=expression,
        scale=source.scale * driving.scale / driving.scale[:1],
        translation=source.translation + driving.translation - driving.translation[:1],
    )


def _animal(source: Motion, driving: Motion) -> Motion:
    composed = _composed(source, driving, "all")
    change = driving.expression - driving.expression[:1]
    return replace(
        composed,
        expression=source.expression + change,
        scale=np.repeat(source.scale, driving.frame_count, axis=0),
    )
