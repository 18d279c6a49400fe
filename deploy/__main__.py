"""`python -m deploy plan|apply|rollback|remove|codebase`: all of it in one Google Cloud project.

plan prints every command and runs none; apply checks every resource, creates missing ones and
updates different ones; rollback goes back to what served before; remove removes everything and says
what it leaves; codebase writes the gate as Firebase functions. See docs/run/deployment.md.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from deploy import names
from deploy.errors import DeployError, InvalidSetting
from deploy.execution import script
from deploy.execution.command_runner import CommandRunner
from deploy.execution.deployment import Deployment, RetryPolicy
from deploy.execution.journal import Journal
from deploy.firebase import codebase
from deploy.plan import Plan, make, of_region, way_back
from deploy.project_facts import project_number
from deploy.repository_files import api_tag, engine_version, image_tag, read
from deploy.settings import GIVEN, MACHINES, Card, Part, Settings

ROOT = Path(__file__).resolve().parent.parent


def main(words: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 stopped, 2 wrong option, 130 interrupted."""
    options = _parser().parse_args(words)
    try:
        settings = _settings(options)
        plan = _plan(settings, options)
    except InvalidSetting as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 2
    if options.verb == "codebase":
        return _write_codebase(settings, options)
    if options.verb == "plan" or options.dry_run:
        _print_plan(settings, plan, options)
        return 0
    journal = Journal(ROOT / names.folder(settings))
    try:
        _run(settings, plan, journal, options)
    except DeployError as error:
        _print_stopped(f"Stopped at {error}", journal)
        return 1
    except KeyboardInterrupt:
        _print_stopped("Interrupted; the command that ran may have done its part.", journal)
        return 130
    return 0


def _plan(settings: Settings, options: argparse.Namespace) -> Plan:
    if options.verb == "rollback":
        return way_back(settings, *options.only)
    plan = make(settings, read(ROOT))
    return of_region(settings, plan) if options.region_only else plan


def _write_codebase(settings: Settings, options: argparse.Namespace) -> int:
    try:
        number = options.project_number or project_number(settings, CommandRunner(ROOT).output)
        folder = codebase.write(settings, ROOT, project_number=number)
    except InvalidSetting as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 2
    except DeployError as error:
        print(f"Stopped at {error}", file=sys.stderr)
        return 1
    print(
        f"{folder}: there, make codebase/venv, install codebase/requirements.txt into it, then\n"
        f"firebase deploy --only functions --project {settings.project}\n"
        "(docs/run/firebase.md). Give --omit gate to every `make deploy` of this project."
    )
    return 0


def _print_stopped(message: str, journal: Journal) -> None:
    print(
        f"\n{message}\nWhat was done until then stands ({journal.path.relative_to(ROOT)}); the "
        "same command again looks at everything and goes on here.",
        file=sys.stderr,
    )


def _run(settings: Settings, plan: Plan, journal: Journal, options: argparse.Namespace) -> None:
    deployment = Deployment(
        settings,
        plan,
        root=ROOT,
        journal=journal,
        say=print,
        retries=RetryPolicy(pause_s=options.patience_s / RetryPolicy.tries),
    )
    if options.verb == "rollback":
        print(f"Done: {_summary(deployment.roll_back())}.")
        return
    if options.verb == "apply":
        print(f"{settings.project}, image {settings.tag}")
        print(f"Done: {_summary(deployment.apply())}.")
        return
    counts, left = deployment.remove(with_images=options.with_images)
    print(f"Done: {_summary(counts)}. Left, besides documents, portraits and videos:")
    for sentence in left:
        print(f"  - {sentence}")


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))


def _print_plan(settings: Settings, plan: Plan, options: argparse.Namespace) -> None:
    if options.verb == "remove":
        print(script.remove_script(settings, plan, with_images=options.with_images), end="")
        return
    if options.verb == "rollback":
        print(script.rollback_script(plan), end="")
        return
    for step in plan.steps:
        for file in step.files:
            path = ROOT / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, "utf-8")
    print(script.apply_script(settings, plan), end="")


def _settings(options: argparse.Namespace) -> Settings:
    card = Card(options.gpu or ("none" if options.engine == "mesh" else "nvidia-l4"))
    arguments = (options.engine, MACHINES[card].driver_libraries, options.weights)
    # What is removed, or was deployed before, needs no weights.
    needs_weights = options.weights == GIVEN and options.verb not in ("remove", "rollback")
    weights = ROOT / "weights" if needs_weights else None
    return Settings(
        project=options.project,
        region=options.region,
        bucket=options.bucket,
        tag=options.tag or image_tag(ROOT, *arguments),
        engine_version=options.engine_version
        or engine_version(options.engine, options.precision, weights),
        single=options.single,
        engine=options.engine,
        card=card,
        precision=options.precision,
        weights=options.weights,
        max_instances=options.max_instances,
        gate_max_instances=options.gate_max_instances,
        collection=options.collection,
        schedule=options.schedule,
        schedule_all=options.schedule_all,
        tasks=options.tasks,
        budget=options.budget,
        budget_pauses=options.budget_pauses,
        notify=options.notify,
        environment=tuple(_pair(text) for text in options.env),
        replaces=frozenset(Part(name) for name in options.replace),
        omits=frozenset(Part(name) for name in options.omit),
        private_egress=options.private_egress,
        api=options.api,
        api_tag=(options.api_tag or api_tag(ROOT)) if options.api is not None else "",
        api_max_instances=options.api_max_instances,
        any_region=options.any_region,
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidSetting(f"env is {text!r}; accepted: NAME=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__.partition("\n\n")[2]
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("plan", "print every command that apply would run"),
        ("apply", "make the project so"),
        ("rollback", "give the traffic back to the revisions that served before"),
        ("remove", "take it away again"),
        ("codebase", "write the gate as Firebase functions, for `firebase deploy`"),
    ):
        _add_options(verbs.add_parser(verb, help=text, description=text), verb)
    return parser


def _add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    parts = [part.value for part in Part]
    owned = [Part.RULES.value, Part.CORS.value, Part.LIFECYCLE.value]  # the app may have its own
    add = parser.add_argument
    add("--project", required=True, help="the project's id")
    add("--region", required=True, help="of services, queue and images; one with the GPU")
    add("--bucket", required=True, help="the app's bucket, without gs://")
    add("--single", action="store_true", help="one service instead of gate, queue and renderer")
    add("--engine", default=Settings.engine, choices=("liveportrait", "mesh"))
    add("--gpu", choices=[card.value for card in Card], help="default: nvidia-l4; mesh: none")
    add("--precision", default=Settings.precision, choices=("fp16", "bf16", "fp32"))
    add("--weights", default=Settings.weights, help="fetched, given (in weights/), or gs://…")
    add("--max-instances", type=int, default=Settings.max_instances, help="renders at a time")
    add("--gate-max-instances", type=int, default=Settings.gate_max_instances)
    add("--collection", default=Settings.collection, help="of the avatars")
    add("--schedule", default=Settings.schedule, help="of the nightly reconcile, cron in UTC")
    add("--schedule-all", default=Settings.schedule_all, help="of the weekly one, over all")
    add("--tasks", type=int, default=Settings.tasks, help="of reconcile, which share the avatars")
    add("--budget", type=int, default=Settings.budget, help="a month's; it warns, stops nothing")
    add("--budget-pauses", action="store_true", help="spent, it pauses the queues of renders")
    add("--notify", metavar="EMAIL", help="whom alerts write to; default: nobody")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="for the function")
    add("--replace", action="append", default=[], choices=owned, help="even if the app's own")
    add("--omit", action="append", default=[], choices=parts, help="leave it alone")
    add("--private-egress", action="store_true", help="renderers reach Google's APIs alone")
    add("--api", metavar="KEYS", help="the HTTP API too: digests of its keys, or secret:NAME")
    add("--api-max-instances", type=int, default=Settings.api_max_instances)
    add("--api-tag", help="of the API's image; default: the digest of what goes into it")
    add("--any-region", action="store_true", help="do not ask our list of GPU regions")
    add("--tag", help="of the images; default: the digest of what goes into them")
    add("--engine-version", help="of the renderer in the image of this tag; default: this tree's")
    add("--dry-run", action="store_true", help="print instead of doing")
    add("--patience-s", type=float, default=600.0, help="for what was just made")
    if verb == "rollback":
        services = (names.RENDERER, names.GATE, names.API)
        add("--only", action="append", default=[], choices=services, help="default: all of them")
    if verb == "codebase":
        add("--project-number", metavar="N", help="of the project; default: asked of gcloud")
    if verb == "remove":
        add("--with-images", action="store_true", help="the image repository too")
        add("--region-only", action="store_true", help="what is in this region, and nothing else")
    else:
        parser.set_defaults(with_images=False, region_only=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
