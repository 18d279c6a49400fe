"""The demo: a slider save becomes an idle video, another save renders again, the avatar speaks.

The emulator and the app's part (`demo_app`) run in this process; the function and the renderer's
command line are processes of their own: this module imports neither.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.demo_app import App, NoOutcome
from emulator.function_process import TRIGGERS, FunctionNotReady, FunctionProcess
from emulator.suite import FirestoreBackend, Suite, SuiteOptions

SEED = Path(__file__).parent / "seed"
AVATAR = "demo"
OUTPUT_FILES = (
    *("emulator.log", "function.log", "inspection.json"),
    *("idle.mp4", "idle-060.mp4", "poster.jpg", "contact.png"),
    *("talk.mp4", "talk.png", "talk-inspection.json"),
)
CPU_SETTINGS = {"LIVEPORTRAIT_MAX_SECONDS": "2", "LIVEPORTRAIT_DEADLINE_S": "590"}


class DemoFailed(Exception):
    """The demo did not reach its end; the message says where and what to look at."""


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """The options of the demo."""

    portrait: Path
    driving: Path | None  # None: a synthetic idle of the astronaut
    engine: str
    backend: FirestoreBackend
    out: Path


def renderer_command(*arguments: str | Path) -> list[str]:
    """Return the renderer's command line."""
    return [sys.executable, "-m", "liveportrait_core", *map(str, arguments)]


def run_renderer(*arguments: str | Path) -> None:
    """Run the renderer's command line."""
    command = renderer_command(*arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise DemoFailed(f"`{' '.join(command[1:])}` failed:\n" + "\n".join(said))


def inspect(video: Path, *arguments: str | Path, report: Path) -> dict[str, Any]:
    """Measure a video against the contract; return the report, and keep it as a file.

    Raises:
        DemoFailed: the video falls short of it, or could not be measured.
    """
    command = renderer_command("inspect", video, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if not done.stdout.startswith("{"):
        raise DemoFailed(f"{video} could not be measured: {done.stderr.strip()}")
    report.write_text(done.stdout)
    measured: dict[str, Any] = json.loads(done.stdout)
    short = [
        f"{check['name']} is {check['measured']}, accepted is {check['accepted']}"
        for check in measured["checks"]
        if not check["ok"]
    ]
    if short:
        raise DemoFailed(f"{video} falls short of the contract: {'; '.join(short)}; see {report}")
    return measured


def download(url: str, target: Path) -> None:
    """Download a token URL like a player, without credentials."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 — the emulator's URL
        target.write_bytes(response.read())


def require_ready(outcome: Mapping[str, Any], log: Path) -> None:
    """Raise DemoFailed unless the render succeeded."""
    if outcome.get("state") != "ready":
        error = outcome.get("error") or {}
        reason = failure_reason(log, str(error.get("code")))
        raise DemoFailed(
            f"the render ended as {outcome.get('state')}: {error.get('code')}{reason}; see {log}"
        )


def failure_reason(log: Path, code: str) -> str:
    """Return why a render failed, from the function's log: the document has codes alone."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and code in line and '"reason"' in line:
            return f", {json.loads(line)['reason']}"
    return ""


def stage_seconds(log: Path, fingerprint: str) -> dict[str, float]:
    """Return the seconds of each stage of a render, from the function's log."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and fingerprint in line and '"seconds"' in line:
            seconds: dict[str, float] = json.loads(line)["seconds"]
            return seconds
    raise DemoFailed(f"{log} has no line with the seconds of render {fingerprint}")


def run(options: DemoOptions) -> dict[str, Any]:
    """Run the whole demo; return the closing JSON object."""
    options.out.mkdir(parents=True, exist_ok=True)
    for name in OUTPUT_FILES:
        (options.out / name).unlink(missing_ok=True)
    log_to(options.out / "emulator.log")
    suite_options = cloud_options(options.backend)
    function_log = options.out / "function.log"
    with Suite(suite_options) as suite:
        os.environ.update(suite.environment)
        settings = {"LIVEPORTRAIT_ENGINE": options.engine}
        settings["LIVEPORTRAIT_BUCKET"] = suite_options.bucket
        with running_function({**suite.environment, **settings}, function_log) as function:
            driving = options.driving or synthetic_hero(options.out / "hero.mp4", function)
            for name, pattern in TRIGGERS.items():
                suite.connect(name, pattern, [function.url])
            app = App(suite.storage_url, suite_options.bucket, AVATAR)
            try:
                result = play(app, options, driving, function_log)
            finally:
                app.close()
            result["talk"] = let_speak(options, driving, function)
            print(closing_text(options, function.health()), flush=True)
            return result


def cloud_options(backend: FirestoreBackend) -> SuiteOptions:
    """Return options with free ports; with the usual ones for a suite that runs already."""
    if backend is FirestoreBackend.SUITE:
        return SuiteOptions(backend=backend, firestore_port=8080, storage_port=9199)
    return SuiteOptions(backend=backend)


@contextmanager
def running_function(settings: Mapping[str, str], log: Path) -> Iterator[FunctionProcess]:
    """Run the function; with a shorter clip where LivePortrait has only a CPU."""
    print("  starting the function", flush=True)
    function = FunctionProcess(settings, log).start()
    try:
        if is_slow(function):
            print(
                "  LivePortrait on a CPU takes seconds a frame: only 2 s of the clip are rendered"
            )
            function.stop()
            function = FunctionProcess({**settings, **CPU_SETTINGS}, log).start()
        yield function
    finally:
        function.stop()


def is_slow(function: FunctionProcess) -> bool:
    """Return whether LivePortrait runs on a CPU."""
    health = function.health()
    return bool(health["engine"] == "liveportrait" and health["device"] == "cpu")


def log_to(log: Path) -> None:
    """Log to a file instead of the terminal."""
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)


def synthetic_hero(clip: Path, function: FunctionProcess) -> Path:
    """Make the hero clip: a synthetic idle of the astronaut, at half the rate on a CPU."""
    rate_fps = "15" if is_slow(function) else "30"
    print("  making a hero clip from a public-domain photograph (a synthetic idle)", flush=True)
    run_renderer(
        "idle",
        SEED / "astronaut.png",
        "-o",
        clip,
        "--seed",
        "7",
        "--seconds",
        "4",
        "--fps",
        rate_fps,
    )
    return clip


def play(app: App, options: DemoOptions, driving: Path, function_log: Path) -> dict[str, Any]:
    """Act as the app: create the avatar, save the slider, listen, save again."""
    print("  uploading the portrait and the hero video to Storage", flush=True)
    portrait_url = app.upload("hero.jpg", options.portrait, "image/jpeg")
    video_url = app.upload("heroVideo.mp4", driving, "video/mp4")
    now_ms = int(time.time() * 1000)
    app.document.set(
        {
            "nickname": "Grace",
            "avatarImageUrl": portrait_url,
            "updatedAt": now_ms,
            "training": {"heroVideoUrl": video_url, "dynamicsEnabled": True},
        }
    )
    print("  saving intensity 0.40, neutral mouth, region all", flush=True)
    save = {"drivingMultiplier": 0.40, "normalizeLip": True, "animationRegion": "all"}
    app.document.update({"training.livePortrait": save, "updatedAt": now_ms + 1})
    first = app.follow()
    require_ready(first, function_log)
    video, poster = options.out / "idle.mp4", options.out / "poster.jpg"
    download(first["idleVideoUrl"], video)
    download(first["posterUrl"], poster)
    print("  measuring the video against the contract", flush=True)
    inspect(
        *(video, "--portrait", options.portrait, "--driving", driving),
        *("--contact", options.out / "contact.png"),
        report=options.out / "inspection.json",
    )

    print("  moving the slider to 0.60", flush=True)
    started = time.monotonic()
    app.document.update({"training.livePortrait.drivingMultiplier": 0.60, "updatedAt": now_ms + 2})
    second = app.follow(not_url=first["idleVideoUrl"])
    rerender_s = round(time.monotonic() - started, 2)
    require_ready(second, function_log)
    download(second["idleVideoUrl"], options.out / "idle-060.mp4")
    return {
        "state": first["state"],
        "engine": first["engine"],
        "idleVideoUrl": first["idleVideoUrl"],
        "video": str(video),
        "frames": first["frameCount"],
        "fps": first["fps"],
        "width": first["width"],
        "height": first["height"],
        "seconds": stage_seconds(function_log, first["fingerprint"]),
        "rerender": {
            "state": second["state"],
            "idleVideoUrl": second["idleVideoUrl"],
            "seconds": rerender_s,
        },
    }


def let_speak(options: DemoOptions, driving: Path, function: FunctionProcess) -> dict[str, Any]:
    """Let the avatar say a sentence over its idle, and measure both cuts.

    LivePortrait on a CPU would take minutes for it: there the mesh engine speaks.
    """
    print("  letting the avatar say a sentence", flush=True)
    engine = "mesh" if is_slow(function) else function.health()["engine"]
    talk, sheet = options.out / "talk.mp4", options.out / "talk.png"
    run_renderer(
        *("talk", options.portrait, SEED / "hello.ogg", "-o", talk),
        *("--driving", driving, "--engine", engine),
    )
    idle = () if is_slow(function) else ("--idle", options.out / "idle.mp4")
    print("  measuring what it says", flush=True)
    measured = inspect(
        *(talk, "--portrait", options.portrait, "--talk", *idle, "--contact", sheet),
        report=options.out / "talk-inspection.json",
    )
    return {"video": str(talk), "engine": engine, "frames": measured["frames"]}


def closing_text(options: DemoOptions, health: Mapping[str, Any]) -> str:
    """Return the closing text: which engine rendered, why, and the command for the other one."""
    other = "make weights demo ENGINE=liveportrait"
    if health["engine"] == "liveportrait":
        other = "make demo ENGINE=mesh"
    preview = " (a preview that needs no downloaded weights)" if health["engine"] == "mesh" else ""
    return (
        f"\nLook at {options.out}/: idle.mp4 (intensity 0.40), idle-060.mp4 (0.60), talk.mp4 (it\n"
        "says a sentence), contact.png (portrait, driving frames, result frames) and talk.png.\n"
        f"Rendered by the {health['engine']} engine{preview}, because {health['reason']}.\n"
        f"The other engine: {other}"
    )


def parse_arguments() -> DemoOptions:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m emulator.demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--portrait", type=Path, default=SEED / "grace_hopper.jpg")
    parser.add_argument("--driving", type=Path, help="default: a synthetic idle of the astronaut")
    parser.add_argument("--engine", default="auto", choices=("auto", "mesh", "liveportrait"))
    parser.add_argument(
        "--backend",
        type=FirestoreBackend,
        default=FirestoreBackend.EMBEDDED,
        choices=tuple(FirestoreBackend),
        help="who is Firestore: our own, Google's jar, or a running `firebase emulators:start`",
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    arguments = parser.parse_args()
    for name in ("portrait", "driving"):
        file = vars(arguments)[name]
        if file is not None and not file.is_file():
            parser.exit(2, f"{name.upper()}={file}: there is no such file\n")
    return DemoOptions(**vars(arguments))


def main() -> int:
    """Run the demo; the last line of output is one JSON object."""
    options = parse_arguments()
    print("A Firestore write becomes idle.mp4:", flush=True)
    try:
        result = run(options)
    except (DemoFailed, NoOutcome, FunctionNotReady) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr, flush=True)
        print(json.dumps({"state": "failed", "error": str(failure)}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
