"""`python -m tests.image`: replay the Dockerfile, list what came, start all roles, save once.

Ends with status 0 only if one save became a video through gate and renderer, one generation through
API and renderer, and each used nothing but its image.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from liveportrait_core.engines.choice import EngineConfig, engine_identity
from tests.image.contents import parts_of, size_of
from tests.image.dockerfile import Dockerfile, NotUnderstood, read_dockerfile
from tests.image.ignore import docker_context
from tests.image.libraries import library_needs
from tests.image.play import Image, Played, PlayFailed, play
from tests.image.replay import BASE_PATH, Replay, ReplayFailed, Root
from tests.image.started import NotStarted, may_become

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = EngineConfig(precision="fp32", accept_no_landmarks=True)  # as the roles are started
LARGEST_BYTES = {
    "gate": 150_000_000,  # with the base image's 130 MB it stays below 300
    "api": 700_000_000,
}


class CheckFailed(Exception):
    """The image is not what it should be."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    parser.add_argument(
        "--where", type=Path, default=Path("out/image"), help="folder for the roots"
    )
    parser.add_argument("--pip-args", default="", help="the build argument PIP_ARGS")
    parser.add_argument(
        "--weights", type=Path, metavar="DIR",
        help="try LivePortrait with the weights of this folder (WEIGHTS=given), on the CPU",
    )  # fmt: skip
    parsed = parser.parse_args()
    try:
        check(parsed.where.resolve(), pip_args=parsed.pip_args, weights=parsed.weights)
    except (NotUnderstood, ReplayFailed, NotStarted, PlayFailed, CheckFailed) as fault:
        print(f"\nThe image check failed: {fault}", file=sys.stderr)
        return 1
    return 0


def check(where: Path, *, pip_args: str, weights: Path | None) -> None:
    """All of it, told line by line."""
    where.mkdir(parents=True, exist_ok=True)
    python = base_python()
    engine = "liveportrait" if weights else "mesh"
    arguments = {
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}-slim-bookworm",
        "TORCH": "index",  # the hashed build is the one for GPUs, and four times as large
        "WEIGHTS": "given" if weights else "none",
        "PIP_ARGS": pip_args,
    }
    told = ", ".join(f"{name}={value}" for name, value in arguments.items() if value)
    print(f"Replaying the Dockerfile with {told}, by {python}", flush=True)
    images = {}
    for role, target in (("renderer", ""), ("gate", "gate"), ("api", "api")):
        dockerfile = read_dockerfile((REPOSITORY / "Dockerfile").read_text(), arguments, target)
        root = Replay(
            dockerfile=dockerfile,
            python=python,
            context=context_files(weights),
            arguments=arguments,
            where=where,
            say=lambda line: print(f"  {line}", flush=True),
        ).build()
        tell_contents(role, root)
        check_libraries(root)
        check_untouchable(root)
        images[role] = Image(root=root, command=command_of(dockerfile))
    for role, most in LARGEST_BYTES.items():
        check_small(role, images[role].root, most)
    if engine == "mesh":
        print("\nTHE ENGINE IS MESH, the preview that needs no weights: LivePortrait is not tried.")
    tell_user(images["renderer"].root)
    version = engine_identity(engine, weights or REPOSITORY / "weights", CONFIG).engine_version
    played = play(images, engine, version, where)
    for role, image in images.items():
        check_isolated(role, image.root, played)
    tell_played(played)


def base_python() -> Path:
    """An interpreter of this version, better one that the image's user may run too."""
    own = Path(getattr(sys, "_base_executable", sys.executable))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = shutil.which(name, path=BASE_PATH)
    for_all = os.geteuid() != 0 or _runs_for_all(own)
    return own if for_all or found is None or not _can_build(found) else Path(found)


def _runs_for_all(python: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in python.resolve().parents)


def _can_build(python: str) -> bool:
    """Debian's interpreters come without pip and venv unless asked for."""
    done = subprocess.run([python, "-c", "import pip, venv"], capture_output=True, check=False)
    return done.returncode == 0


def context_files(weights: Path | None) -> dict[str, Path]:
    """What `docker build .` would send: the folder's files through .dockerignore.

    Args:
        weights: stands for the folder's own weights/.
    """
    places = {
        "functions": REPOSITORY / "functions",
        "liveportrait_core": REPOSITORY / "liveportrait_core",
        "locks": REPOSITORY / "locks",
        "web": REPOSITORY / "web",
        "weights": weights or REPOSITORY / "weights",
    }
    found = {
        f"{name}/{file.relative_to(place).as_posix()}": file
        for name, place in places.items()
        for file in place.rglob("*")
    }
    found |= {"weights/README.md": REPOSITORY / "weights/README.md"}
    found |= {file.name: file for file in REPOSITORY.glob("*")}
    kept = docker_context(found, (REPOSITORY / ".dockerignore").read_text())
    return {name: found[name] for name in kept if found[name].is_file()}


def command_of(dockerfile: Dockerfile) -> tuple[str, ...]:
    """ENTRYPOINT and CMD."""
    last = [dockerfile.final.of(keyword)[-1].command() for keyword in ("ENTRYPOINT", "CMD")]
    return (*last[0], *last[1])


def tell_contents(role: str, root: Root) -> None:
    megabytes = size_of(root.folder) / 1e6
    print(f"\nWhat is in the {role}'s image, beside the base image: {megabytes:,.0f} MB")
    for part in parts_of(root.folder):
        named = f"{part.name} {part.version}".strip()
        print(f"  {part.size_bytes / 1e6:9,.1f} MB {part.files:7,} files  {named}")


def check_libraries(root: Root) -> None:
    needs = library_needs(root.folder.rglob("*.so*"))
    print("\nShared libraries that it needs and does not bring")
    for owner, names in (
        ("the base image has", needs.system),
        ("the driver brings", needs.driver),
        ("torch's CUDA build brings", needs.cuda),
        ("never loaded (TensorRT, OpenVINO on a GPU)", needs.unused),
        ("never loaded (between machines)", needs.fabric),
    ):
        print(f"  {owner}: {', '.join(sorted(names)) or 'none'}")
    if needs.nobody:
        missing = ", ".join(sorted(needs.nobody))
        raise CheckFailed(f"nobody brings {missing}; a Debian package has to, by a RUN line")


def check_small(role: str, root: Root, most: int) -> None:
    found = size_of(root.folder)
    if found > most:
        raise CheckFailed(f"the {role}'s image adds {found:,} bytes; accepted: {most:,}")


def check_untouchable(root: Root) -> None:
    """The image's user is neither root nor able to write the code."""
    uid, _, gid = root.user.partition(":")
    if not uid.isdigit() or not gid.isdigit() or "0" in (uid, gid):
        raise CheckFailed(f"USER is {root.user!r}; accepted: numbers other than 0")
    code = [root.place(name) for name in ("functions", "liveportrait_core", "web")]
    for file in (folder for folder in code if folder.is_dir()):
        for each in (file, *file.rglob("*")):
            if each.lstat().st_mode & 0o222:
                raise CheckFailed(f"{each} may be written; accepted: code that nobody writes")


def tell_user(root: Root) -> None:
    who = f"user {root.user}" if may_become(root) else "this user, for want of the right to change"
    print(f"\nStarting all roles as {who}")


def check_isolated(role: str, root: Root, played: Played) -> None:
    """Nothing of the repository but what is in its own image."""
    mapped = played.footprints[role].mapped
    ours = [file for file in mapped if file.is_relative_to(REPOSITORY)]
    foreign = [file for file in ours if not file.is_relative_to(root.folder)]
    if foreign:
        raise CheckFailed(f"the {role} uses {foreign[0]}, which is not the image's")


def tell_played(played: Played) -> None:
    for role, footprint in played.footprints.items():
        health = played.health[role]
        print(
            f"  {role}: ready after {footprint.ready_after_s:.1f} s with "
            f"{footprint.memory_bytes / 1e6:.0f} MB of memory, {health['status']}"
        )
    live = played.live
    versions = {played.health[role]["engineVersion"] for role in ("gate", "renderer")}
    if len(versions) != 1:
        raise CheckFailed(f"gate and renderer name their renders differently: {versions}")
    if played.video[4:8] != b"ftyp":
        raise CheckFailed(f"the video of {len(played.video)} bytes is no MP4")
    size = f"{live['width']}×{live['height']}, {live['frameCount']} frames"
    print(
        f"\nOne save became a video after {played.seconds:.1f} s: {size}, "
        f"{len(played.video):,} bytes, {live['engineVersion']}"
    )
    print(f"One generation became a video too, by {played.generation['engineVersion']}")


if __name__ == "__main__":
    sys.exit(main())
