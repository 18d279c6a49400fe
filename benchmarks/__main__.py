"""Tables: `python -m benchmarks networks|ratios|render|footprint|mesh|throughput|talk|pairs|cloud`.

And `events`; `scale` and `reconcile` measure nothing: models.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.cloud import emulator, events, reconcile, scale
from benchmarks.engines import mesh, networks, ratios
from benchmarks.renders import footprint, pairs, stages, talk, throughput
from liveportrait_core.engines.liveportrait.runtimes.device import (
    AUTO,
    CPU_TORCH,
    RuntimeName,
    choose_device,
)
from liveportrait_core.errors import RenderError
from liveportrait_core.weights.digests import missing_checkpoints
from liveportrait_core.weights.manifest import NETWORK_CHECKPOINTS

REPOSITORY_WEIGHTS = Path("weights")
LINES = Path("out") / "bench" / "networks.jsonl"
MeasuredRow = TypeVar("MeasuredRow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    return command(parsed)


def measure_the_networks(parsed: argparse.Namespace) -> int:
    """Measure each network by itself."""
    try:
        choice = choose_device(parsed.device, parsed.precision)
        if choice.runtime is RuntimeName.OPENVINO:  # this table is torch's
            choice = choose_device(CPU_TORCH, parsed.precision)
    except RenderError as error:
        print(error, file=sys.stderr)
        return 2
    batches = [1] if parsed.quick else parsed.batch
    effort = networks.Effort(repeats=1 if parsed.quick else parsed.repeats, seconds=parsed.seconds)
    print(f"{choice}\n{networks.HEAD}")
    parsed.json.parent.mkdir(parents=True, exist_ok=True)
    with parsed.json.open("w") as lines:
        for row in networks.measure_networks(choice, parsed.network, batches, effort):
            lines.write(json.dumps(asdict(row)) + "\n")
            lines.flush()
            print(networks.table_line(row), flush=True)
    print(f"JSON lines in {parsed.json}")
    return 0


def show_the_reads(_parsed: argparse.Namespace) -> int:
    """Print what reconcile reads, on paper."""
    print("\n".join(reconcile.show()))
    return 0


def show_the_scale(_parsed: argparse.Namespace) -> int:
    """Play the model of the deployment under several loads."""
    print("\n".join(scale.show()))
    return 0


def measure_the_gpu(parsed: argparse.Namespace) -> int:
    """Measure networks, forms and whole renders on a CUDA device; without one, reduced."""
    devices = torch.cuda.device_count()
    if devices == 0:
        print("no CUDA device: the large networks once, at batch 1, by torch on the CPU")
        return main(["networks", "--quick", "--device", CPU_TORCH, "--precision", "fp32"])
    if status := main(["networks", "--device", "cuda", "--precision", "fp16", "--batch", "1", "8"]):
        return status
    weights = _weights(parsed.weights)
    _print_table(ratios.HEAD, ratios.measure_card_ratios(weights, parsed.rounds), ratios.table_line)
    return main(["render", "--device", "cuda", "--seconds", "10", "--weights", str(weights)])


def _weights(given: Path | None) -> Path:
    """Return LivePortrait's folder: the given one, the repository's, or synthetic weights."""
    if given is not None or not missing_checkpoints(REPOSITORY_WEIGHTS, NETWORK_CHECKPOINTS):
        return given or REPOSITORY_WEIGHTS
    from tests.golden.synthetic_weights import synthetic_tree

    folder = synthetic_tree()
    print(
        f"!!! SYNTHETIC WEIGHTS ({folder}): {REPOSITORY_WEIGHTS}/ has none of LivePortrait's.\n"
        "!!! The networks have their size and paint noise: times hold, pictures do not; bf16's\n"
        "!!! distance from fp32, by which `auto` chooses the precision, is that of these weights."
    )
    return folder


def measure_the_ratios(parsed: argparse.Namespace) -> int:
    """Measure the forms of warp and decode against each other."""
    try:
        weights = _weights(parsed.weights)
        rows = list(ratios.measure_ratios(weights, 1 if parsed.quick else parsed.rounds))
    except RenderError as error:
        print(error, file=sys.stderr)
        return 2
    return _print_table(ratios.HEAD, rows, ratios.table_line)


def measure_the_render(parsed: argparse.Namespace) -> int:
    """Measure whole renders, stage by stage."""
    weights = _weights(parsed.weights)
    print(stages.HEAD)
    try:
        _print_renders(stages.measure_mesh_render(parsed.seconds))
        ours = _print_renders(
            stages.measure_networks_render(weights, parsed.device, parsed.seconds)
        )
        plain = _print_renders(
            stages.measure_networks_render(
                weights, CPU_TORCH, parsed.seconds, frames=parsed.plain_frames
            )
        )
    except RenderError as error:
        print(error, file=sys.stderr)
        return 2
    print(stages.comparison(plain[0], ours[0]))
    return 0


def measure_the_footprint(parsed: argparse.Namespace) -> int:
    """Measure memory, files and processor of a render, over all its processes."""
    weights = None if parsed.mesh else _weights(parsed.weights)
    return _print_table(
        footprint.HEAD,
        footprint.measure_footprints(weights, parsed.device, parsed.seconds),
        footprint.table_line,
    )


def _print_table(head: str, rows: Iterable[MeasuredRow], line: Callable[[MeasuredRow], str]) -> int:
    """Print each row as soon as it is measured; return the exit status."""
    print(head)
    for row in rows:
        print(line(row), flush=True)
    return 0


def _print_renders(
    measured: Iterable[stages.RenderRow | stages.WholeRender],
) -> list[stages.WholeRender]:
    renders = []
    for each in measured:
        if isinstance(each, stages.WholeRender):
            renders.append(each)
        for row in each.rows if isinstance(each, stages.WholeRender) else [each]:
            print(stages.table_line(row), flush=True)
    return renders


def measure_the_throughput(parsed: argparse.Namespace) -> int:
    """Measure one process with one, two and four avatars that save all the time."""
    return _print_table(
        throughput.HEAD,
        throughput.measure_throughput(parsed.seconds, parsed.clip_seconds),
        throughput.table_line,
    )


def measure_the_mesh(parsed: argparse.Namespace) -> int:
    """Measure the mesh engine's stages."""
    return _print_table(mesh.HEAD, mesh.measure_mesh(parsed.seconds), mesh.table_line)


def measure_the_talk(parsed: argparse.Namespace) -> int:
    """Measure a talk beside the idle of its length."""
    return _print_table(
        talk.HEAD, talk.measure_talk(parsed.seconds, parsed.rounds), talk.table_line
    )


def measure_the_pairs(parsed: argparse.Namespace) -> int:
    """Measure how the mesh engine's renders follow their clips."""
    return _print_table(
        pairs.HEAD,
        pairs.measure_pairs(parsed.portraits, parsed.driving, parsed.multiplier),
        pairs.table_line,
    )


def measure_the_cloud(parsed: argparse.Namespace) -> int:
    """Measure the emulator, beside Google's where it is found."""
    return _print_table(emulator.HEAD, emulator.measure_cloud(parsed.seconds), emulator.table_line)


def measure_the_events(parsed: argparse.Namespace) -> int:
    """Unrelated writes beside much else."""
    return _print_table(events.HEAD, events.measure_events(parsed.repeats), events.table_line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    alone = commands.add_parser(
        "networks", help="each network: parameters, GFLOP, milliseconds, peak memory"
    )
    alone.set_defaults(command=measure_the_networks)
    names = list(networks.INPUT_SHAPES)
    alone.add_argument(
        "--network", nargs="+", choices=names, default=names,
        metavar="NAME", help="some of " + ", ".join(names) + "; default all",
    )  # fmt: skip
    alone.add_argument("--device", default=AUTO, help="cpu, mps, cuda or cuda:<index>; by torch")
    alone.add_argument("--precision", default=AUTO, help="auto, fp32, fp16, bf16")
    alone.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="default: 1 8")
    alone.add_argument("--repeats", type=int, default=5, help="at most, default %(default)s")
    alone.add_argument(
        "--seconds", type=float, default=8.0,
        help="begin no further repeat of a row after this long, default %(default)s",
    )  # fmt: skip
    alone.add_argument("--quick", action="store_true", help="batch 1, once")
    alone.add_argument(
        "--json", type=Path, default=LINES, metavar="FILE", help="default %(default)s"
    )
    forms = commands.add_parser("ratios", help="warp and decode by each runtime, taking turns")
    forms.set_defaults(command=measure_the_ratios)
    forms.add_argument("--weights", type=Path, metavar="DIR", help="as of `render`")
    forms.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    forms.add_argument("--quick", action="store_true", help="one round")
    whole = commands.add_parser("render", help="whole renders by both engines, with shares")
    whole.set_defaults(command=measure_the_render)
    whole.add_argument(
        "--weights", type=Path, metavar="DIR",
        help="LivePortrait's; default: weights/, and synthetic ones where it has none",
    )  # fmt: skip
    whole.add_argument("--device", default=AUTO, help="of LivePortrait; default %(default)s")
    whole.add_argument("--seconds", type=float, default=2.0, help="default %(default)s")
    whole.add_argument(
        "--plain-frames", type=int, default=stages.PLAIN_FRAMES, metavar="N",
        help="frames that torch draws as the networks are written; default %(default)s",
    )  # fmt: skip
    needs = commands.add_parser("footprint", help="memory, files and processor of a render")
    needs.set_defaults(command=measure_the_footprint)
    needs.add_argument("--weights", type=Path, metavar="DIR", help="LivePortrait's; as of `render`")
    needs.add_argument("--device", default=AUTO, help="of LivePortrait; default %(default)s")
    needs.add_argument("--seconds", type=float, default=10.0, help="default %(default)s")
    needs.add_argument("--mesh", action="store_true", help="the mesh engine alone")
    card = commands.add_parser("gpu", help="networks and renders on a CUDA device, else reduced")
    card.set_defaults(command=measure_the_gpu)
    card.add_argument("--weights", type=Path, metavar="DIR", help="LivePortrait's; as of `render`")
    card.add_argument("--rounds", type=int, default=20, help="of the forms; default %(default)s")
    meshed = commands.add_parser("mesh", help="the mesh engine at 1200×1600, stage by stage")
    meshed.set_defaults(command=measure_the_mesh)
    meshed.add_argument("--seconds", type=float, default=4.0, help="default %(default)s, and twice")
    busy = commands.add_parser(
        "throughput", help="one process at 1, 2 and 4 saves at once: renders an hour, and where"
    )
    busy.set_defaults(command=measure_the_throughput)
    busy.add_argument("--seconds", type=float, default=40.0, help="a row; default %(default)s")
    busy.add_argument("--clip-seconds", type=float, default=4.0, help="default %(default)s")
    said = commands.add_parser("talk", help="a talk by the mesh engine beside its idle, 1200×1600")
    said.set_defaults(command=measure_the_talk)
    said.add_argument("--seconds", type=float, default=10.0, help="default %(default)s")
    said.add_argument("--rounds", type=int, default=2, help="default %(default)s")
    both = commands.add_parser("pairs", help="how well mesh renders follow their driving clips")
    both.set_defaults(command=measure_the_pairs)
    both.add_argument("portraits", type=Path, nargs="+", metavar="PORTRAIT")
    both.add_argument("--driving", type=Path, nargs="+", required=True, metavar="CLIP")
    both.add_argument("--multiplier", type=float, nargs="+", default=[0.4, 0.6])
    emulated = commands.add_parser("cloud", help="the emulator: start, rates, latencies")
    emulated.set_defaults(command=measure_the_cloud)
    emulated.add_argument("--seconds", type=float, default=2.0, help="a row; default %(default)s")
    unrelated = commands.add_parser("events", help="events that are about something else")
    unrelated.set_defaults(command=measure_the_events)
    unrelated.add_argument("--repeats", type=int, default=9, help="a row; default %(default)s")
    modelled = commands.add_parser("scale", help="the deployment on paper: where it breaks first")
    modelled.set_defaults(command=show_the_scale)
    reading = commands.add_parser("reconcile", help="what reconcile reads, on paper")
    reading.set_defaults(command=show_the_reads)
    return parser


if __name__ == "__main__":
    sys.exit(main())
