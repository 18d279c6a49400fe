"""A plan as a shell script: every command, in order. Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

from deploy.checks import ListEntry
from deploy.command import Command, shell
from deploy.execution.temporary import FRESH, PERMANENT
from deploy.names import folder
from deploy.plan import Plan
from deploy.settings import Settings
from deploy.step import Step

_VALUE = "--format=value"
_HEAD = (
    "#!/usr/bin/env bash",
    "set -euo pipefail",
    "export CLOUDSDK_CORE_DISABLE_PROMPTS=1",
    "",
    "# Run a command again while it fails because what was just made is not known everywhere.",
    "again() {",
    "  local tries said",
    "  said=$(mktemp)",
    "  for ((tries = 0; tries < 60; tries++)); do",
    '    if "$@" 2>"$said"; then cat "$said" >&2; rm -f "$said"; return 0; fi',
    '    cat "$said" >&2',
    f'    if grep -qiE {shlex.quote("|".join(PERMANENT))} "$said"; then break; fi',
    f'    if ! grep -qiE {shlex.quote("|".join(FRESH))} "$said"; then break; fi',
    '    sleep "${PAUSE_S:-10}"',
    "  done",
    '  rm -f "$said"',
    "  return 1",
    "}",
    "",
)


def apply_script(settings: Settings, plan: Plan) -> str:
    """Return the script that creates everything in an empty project."""
    return "\n".join(_making(settings, plan)) + "\n"


def remove_script(settings: Settings, plan: Plan, *, with_images: bool) -> str:
    """Return the script that removes everything."""
    return "\n".join(_removing(settings, plan, with_images)) + "\n"


def rollback_script(plan: Plan) -> str:
    """Return the script of a way back."""
    return "\n".join(_going_back(plan)) + "\n"


def _going_back(plan: Plan) -> Iterator[str]:
    yield from _HEAD
    yield "# What `rollback` runs where something served before. Before each step it asks what the"
    yield "# line “seen by” asks, and leaves out what stands."
    for number, step in enumerate(plan.steps, start=1):
        yield from _step(number, step)


def _making(settings: Settings, plan: Plan) -> Iterator[str]:
    yield from _HEAD
    yield "# What `apply` runs where nothing stands yet, from the repository's root. Before each"
    yield "# step it asks what the line “seen by” asks, and leaves out what stands."
    yield f"# Generated files: {folder(settings)}/"
    number = 0
    for step in plan.first:
        number += 1
        yield from _step(number, step)
    yield from _facts(plan)
    for step in plan.steps:
        number += 1
        yield from _step(number, step)


def _removing(settings: Settings, plan: Plan, with_images: bool) -> Iterator[str]:
    yield from _HEAD
    yield "# What `remove` runs where everything stands, from the repository's root."
    yield from _facts(plan)
    number = 0
    for step in reversed((*plan.first, *plan.steps)):
        if step.leaves is not None:
            yield f"\n# Left: {step.leaves}"
        if not step.remove:
            continue
        if step.holds_images and not with_images:
            yield f"\n# Left: {step.title}; --with-images removes it"
            continue
        number += 1
        yield f"\n# {number}. {step.title}"
        yield from _variable_definitions(step, step.remove)
        yield from (shell(command) for command in step.remove)


def _facts(plan: Plan) -> Iterator[str]:
    yield "\n# Facts of the project"
    yield from (shell(lookup.command) for lookup in plan.lookups)


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"\n# {number}. {step.title}"
    yield f"#    {step.why}"
    yield from (shell(command) for command in step.captures)
    yield from (f"#    seen by: {shell(check.command)}" for check in step.checks)
    yield from (_made(step, command) for command in step.create)
    if step.update is not None and step.update != step.create:
        yield "#    where it differs:"
        yield from (f"#    {line}" for line in _variable_definitions(step, step.update))
        yield from (f"#    {shell(command)}" for command in step.update)


def _made(step: Step, command: Command) -> str:
    """Return a command's line; with `again`, where what it needs may just have been made."""
    again = step.eventually_consistent and not command.authorized
    return shell(replace(command, argv=("again", *command.argv)) if again else command)


def _variable_definitions(step: Step, commands: tuple[Command, ...]) -> Iterator[str]:
    """Yield the shell lines that define the variables in the commands, by lists with a filter."""
    words = "\n".join(word for command in commands for word in command.argv)
    for check in step.checks:
        expect = check.expect
        if not isinstance(expect, ListEntry) or expect.list_key is not None:
            continue
        for name, path in expect.defines.items():
            if f"${{{name}}}" in words:
                key, value = ".".join(map(str, expect.key)), ".".join(map(str, path))
                argv = (
                    *(word for word in check.command.argv if not word.startswith("--format=")),
                    f'--filter={key}="{expect.name}"',
                    f"{_VALUE}({value})",
                )
                yield shell(Command(argv=argv, capture=name))
