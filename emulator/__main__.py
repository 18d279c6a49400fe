"""The command line: starts the emulator on its usual ports and prints how clients find it."""

import argparse
import logging
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.firestore.backends.official_process import OfficialMissing
from emulator.serving import PortBusy
from emulator.suite import FirestoreBackend, Suite, SuiteOptions

_DEFAULTS = SuiteOptions()
_REFUSED = 2
_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 (compared with what was asked for)
_SAME = object()
"""What `--export-on-exit` stands for without a folder: the one that was imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until it is interrupted or terminated; return the exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)  # before any thread, so that all obey
    try:
        with Suite(_options(parsed)) as suite:
            for pattern, url in _triggers(parsed):
                suite.connect(f"{pattern} to {url}", pattern, [url])
            for name, value in suite.environment.items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
            _print_addresses(suite, parsed)
            signal.sigwait(stop_signals)
    except PortBusy as error:
        parser.exit(_REFUSED, f"emulator: {error}; accepted: {_free_port(parsed, error.port)}\n")
    except (OfficialMissing, ValueError, OSError) as error:
        parser.exit(_REFUSED, f"emulator: {error}\n")
    return 0


def _options(parsed: argparse.Namespace) -> SuiteOptions:
    export_to = parsed.export_on_exit
    if export_to is _SAME:
        if parsed.import_from is None:
            raise ValueError("--export-on-exit needs a folder where there is no --import")
        export_to = parsed.import_from
    return SuiteOptions(
        project=parsed.project,
        bucket=parsed.bucket,
        queue=parsed.queue,
        host=parsed.host,
        firestore_port=parsed.firestore_port,
        storage_port=parsed.storage_port,
        tasks_port=parsed.tasks_port,
        control_port=parsed.control_port,
        control_host=parsed.control_host,
        time_factor=parsed.time_factor,
        backend=parsed.backend,
        seed_from=parsed.seed,
        import_from=parsed.import_from,
        export_to=export_to,
    )


def _free_port(parsed: argparse.Namespace, busy: int) -> str:
    """Say how to choose another port than the busy one."""
    services = ("firestore", "storage", "tasks", "control")
    chosen = (name for name in services if vars(parsed)[f"{name}_port"] == busy)
    name = next(chosen, services[0])
    return f"a free one, by --{name}-port (make {name.upper()}_PORT=…, of emulator and serve)"


def _triggers(parsed: argparse.Namespace) -> list[tuple[str, str]]:
    """Return patterns and functions; a document's talks are its function's too."""
    talks = f"{parsed.document}/talks/{{talkId}}"
    return [(parsed.document, parsed.function), (talks, parsed.function), *parsed.trigger]


def _print_addresses(suite: Suite, parsed: argparse.Namespace) -> None:
    lines = (
        f"Firestore          {suite.firestore_address}",
        f"Storage            {suite.storage_url}  (bucket {parsed.bucket})",
        f"Cloud Tasks        {suite.tasks_address}  (queue {suite.options.queue_name})",
        f"Control            {suite.control_url}",
        *_notice_for_devices(suite),
        *(f"Writes to {pattern} go to {url}" for pattern, url in _triggers(parsed)),
        f"Security rules are not evaluated. {_exit_notice(suite.options)} (Ctrl-C).",
    )
    print("\n".join(lines), file=sys.stderr, flush=True)


def _notice_for_devices(suite: Suite) -> list[str]:
    """Say how phones and containers reach an emulator that listens for them."""
    if suite.options.host not in _ALL_ADDRESSES:
        return []
    port = suite.storage_url.rpartition(":")[2]
    url = f"http://{_network_address() or 'ADDRESS'}:{port}"
    return [
        f"Other devices reach Storage at {url}, Android's emulator at http://10.0.2.2:{port}:",
        f"  LIVEPORTRAIT_STORAGE_PUBLIC_URL={url} has the function name its results so.",
    ]


def _network_address() -> str | None:
    """Return this machine's address in its network, where it is in one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses the way there and sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _exit_notice(options: SuiteOptions) -> str:
    if options.export_to is None:
        return "Nothing is kept when this ends"
    return f"When this ends, its data goes to {options.export_to}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Firestore, Cloud Storage, Eventarc and Cloud Tasks on this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_address_arguments(parser)
    parser.add_argument(
        "--function",
        default="http://127.0.0.1:8088",
        metavar="URL",
        help="where events are delivered",
    )
    parser.add_argument(
        "--document",
        default="avatars/{avatarId}",
        metavar="PATTERN",
        help="documents whose writes, and those of their talks, are events",
    )
    parser.add_argument(
        "--trigger",
        type=_trigger,
        action="append",
        default=[],
        metavar="PATTERN=URL",
        help="a further function for other documents; may be given several times",
    )
    parser.add_argument(
        "--backend",
        type=FirestoreBackend,
        choices=list(FirestoreBackend),
        default=_DEFAULTS.backend,
        help="who is Firestore: our own, or Google's emulator where its jar is found",
    )
    _add_data_arguments(parser)
    parser.add_argument(
        "--time-factor",
        type=float,
        default=_DEFAULTS.time_factor,
        help="scales the times of events and tasks: 0.01 repeats a failed event after 0.1 s",
    )
    return parser


def _add_address_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=_DEFAULTS.host, help="address to listen on; 0.0.0.0: all")
    parser.add_argument("--firestore-port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--storage-port", type=int, default=9199, help="0 takes a free one")
    parser.add_argument("--tasks-port", type=int, default=8123, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=4400, help="0 takes a free one")
    parser.add_argument(
        "--control-host", default=_DEFAULTS.control_host, help="address of the control endpoint"
    )
    parser.add_argument("--project", default=_DEFAULTS.project, help="project id")
    parser.add_argument(
        "--queue", default=_DEFAULTS.queue, help="id of the queue made at the start, in local"
    )
    parser.add_argument("--bucket", default=_DEFAULTS.bucket, help="bucket made at the start")


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=Path,
        metavar="FOLDER",
        help="documents in firestore.json and files in storage/ to begin with",
    )
    parser.add_argument(
        "--import", dest="import_from", type=Path, metavar="FOLDER", help="an earlier export"
    )
    parser.add_argument(
        "--export-on-exit",
        type=Path,
        nargs="?",
        const=_SAME,
        metavar="FOLDER",
        help="where the data goes when this ends; without a folder, where it came from",
    )


def _trigger(text: str) -> tuple[str, str]:
    """Split PATTERN=URL at the URL: a pattern may contain an equals sign, as in {rest=**}."""
    pattern, separator, address = text.partition("=http://")
    if not pattern or not separator:
        raise argparse.ArgumentTypeError(f'"{text}"; accepted: PATTERN=http://HOST:PORT/…')
    return pattern, f"http://{address}"


if __name__ == "__main__":
    sys.exit(main())
