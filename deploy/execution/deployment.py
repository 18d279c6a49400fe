"""Executes a plan: checks every resource, creates missing ones, updates different ones.

There is no state between runs except a journal for people: every run checks everything, so a run
after a failure continues where that one stopped, and a second run changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.checks import CheckResult, ResourceState
from deploy.command import Command, captured, fill, shell
from deploy.errors import CommandFailed, DeployError, ForeignResource
from deploy.execution.command_runner import CommandResult, CommandRunner, failure, parsed
from deploy.execution.error_hints import hint
from deploy.execution.journal import Journal
from deploy.execution.temporary import ENABLING, FRESH, PERMANENT
from deploy.plan import Plan
from deploy.project_facts import look_up, remarks
from deploy.settings import Settings
from deploy.step import Step

_SEEN = "seen"


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long to wait until a new resource is known everywhere: Google says ten minutes."""

    tries: int = 60
    pause_s: float = 10.0


class Deployment:
    """One run on a project."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        *,
        root: Path,
        journal: Journal,
        say: Callable[[str], None],
        retries: RetryPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._root = root
        self._runner = CommandRunner(root)
        self._journal = journal
        self._say = say
        self._retries = retries or RetryPolicy()
        self._variables: dict[str, str] = {}

    def apply(self) -> Counter[str]:
        """Create and update the plan's resources.

        Returns:
            How many resources were made, changed and found as planned.

        Raises:
            DeployError: why it stopped; what was done until then remains.
        """
        before = self._journal.unfinished()
        if before is not None:
            self._say(f"The last run stopped at “{before}”; everything is looked at again.")
        counts: Counter[str] = Counter()
        for step in self._plan.first:
            counts[self._attempt(step, self._apply_step)] += 1
        self._look_up_facts()
        for remark in remarks(self._settings, self._variables):
            self._say(f"Note: {remark}.")
        return self._carry_out(counts)

    def roll_back(self) -> Counter[str]:
        """Carry out a plan of the way back, which needs no facts of the project.

        Returns:
            How many resources were changed and found as planned.

        Raises:
            DeployError: why it stopped; what was done until then remains.
        """
        return self._carry_out(Counter())

    def _carry_out(self, counts: Counter[str]) -> Counter[str]:
        for step in self._plan.steps:
            if step.foreseeable:
                self._attempt(step, self._foresee)
        for step in self._plan.steps:
            counts[self._attempt(step, self._apply_step)] += 1
        self._journal.write("all", "done")
        return counts

    def remove(self, *, with_images: bool) -> tuple[Counter[str], tuple[str, ...]]:
        """Remove the plan's resources, the last first.

        Args:
            with_images: the image repository and the build bucket too.

        Returns:
            How many resources were removed or absent, and what is left, in sentences.

        Raises:
            DeployError: why it stopped; the other resources remain.
        """
        self._look_up_facts()
        counts: Counter[str] = Counter()
        left: list[str] = []
        for step in reversed((*self._plan.first, *self._plan.steps)):
            if step.leaves is not None:
                left.append(step.leaves)
            if step.holds_images and not with_images:
                left.append(f"{step.title} stays; --with-images removes it")
            elif step.remove:
                counts[self._attempt(step, self._remove_step)] += 1
        self._journal.write("all", "removed")
        return counts, tuple(left)

    def _look_up_facts(self) -> None:
        self._variables |= look_up(self._settings, lambda command: self._run(command, ENABLING).out)

    def _attempt(self, step: Step, act: Callable[[Step], str]) -> str:
        try:
            outcome = act(step)
        except DeployError as error:
            self._journal.write(step.title, "failed", str(error))
            raise type(error)(f"{step.title}: {error}") from error
        self._journal.write(step.title, outcome)
        if outcome != _SEEN:
            self._say(f"  {outcome:<8} {step.title}")
        return outcome

    def _apply_step(self, step: Step) -> str:
        outcome = again = self._bring_about(step)
        while step.repeats and again != "stands":
            again = self._bring_about(step)
        return outcome

    def _bring_about(self, step: Step) -> str:
        result = self._check(step)
        if result.state is ResourceState.MATCHES:
            return "stands"
        self._refuse_foreign(step, result)
        for difference in result.differences:
            self._say(f"           {difference}")
        self._write_files(step)
        missing = result.state is ResourceState.MISSING
        for command in step.create if missing or step.update is None else step.update:
            self._execute(step, command)
        return "made" if missing else "changed"

    def _refuse_foreign(self, step: Step, result: CheckResult) -> None:
        if result.state is ResourceState.FOREIGN and step.foreign_message is not None:
            raise ForeignResource(step.foreign_message)

    def _foresee(self, step: Step) -> str:
        """Refuse what will be found foreign later, before anything is made."""
        self._refuse_foreign(step, self._check(step))
        return _SEEN

    def _remove_step(self, step: Step) -> str:
        if self._check(step).state is ResourceState.MISSING:
            return "absent"
        for command in step.remove:
            self._execute(step, command)
        return "removed"

    def _check(self, step: Step) -> CheckResult:
        for command in step.captures:
            self._capture(command, self._run(command, ENABLING))
        result = CheckResult(state=ResourceState.MATCHES)
        for check in step.checks:
            output = parsed(check.command, self._run(check.command, ENABLING))
            result = check.expect.evaluate(output, self._variables)
            self._variables |= result.found
            if result.state is not ResourceState.MATCHES:
                break
        return result

    def _execute(self, step: Step, command: Command) -> None:
        phrases = FRESH if step.eventually_consistent else ENABLING
        self._capture(command, self._run(command, phrases, show_output=True))

    def _run(
        self, command: Command, phrases: tuple[str, ...], *, show_output: bool = False
    ) -> CommandResult:
        """Run a command; retry while its failure is a temporary one."""
        tries = self._retries.tries
        result = self._runner.run(command, self._variables, show_output=show_output)
        while result.code != 0 and tries and _mentions(result, phrases):
            self._say(f"           not known everywhere yet; again in {self._retries.pause_s:g} s")
            time.sleep(self._retries.pause_s)
            tries -= 1
            result = self._runner.run(command, self._variables, show_output=show_output)
        if result.code != 0:
            raise CommandFailed(failure(command, result) + hint(result.err))
        return result

    def _capture(self, command: Command, result: CommandResult) -> None:
        if command.capture is None:
            return
        value = captured(command, result.out)
        if not value:
            told = fill(command.absent, self._variables)
            nothing = told or f"{shell(command)}\nanswered nothing for {command.capture}"
            raise CommandFailed(nothing)
        self._variables[command.capture] = value

    def _write_files(self, step: Step) -> None:
        for file in step.files:
            path = self._root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, "utf-8")


def _mentions(result: CommandResult, phrases: tuple[str, ...]) -> bool:
    message = result.err.lower()
    if any(phrase in message for phrase in PERMANENT):
        return False
    return any(phrase in message for phrase in phrases)
