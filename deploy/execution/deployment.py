"""Carries a plan out: looks, makes what is missing, changes what differs, leaves what stands.

Nothing is remembered between runs but a journal for people: every run looks at everything, so a run
after a failure goes on where that one stopped, and a second run changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.checks import Standing, Verdict
from deploy.command import Command, captured, shell
from deploy.errors import CommandFailed, DeployFault, StandsForeign
from deploy.execution.command_runner import Answer, Terminal, failure, parsed
from deploy.execution.error_hints import hint
from deploy.execution.journal import Journal
from deploy.plan import Plan
from deploy.project_facts import look_up, remarks
from deploy.settings import Settings
from deploy.step import Step

# What Google answers where an API was enabled a moment ago, and where a thing was made.
_ENABLING = ("has not been used in project", "wait a few minutes", "try again", "retry")
_FRESH = (*_ENABLING, "does not exist", "not found", "service agent", "propagat")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what was just made to be known everywhere: Google says ten minutes."""

    tries: int = 60
    pause_s: float = 10.0


class Deployment:
    """One run over a project."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        *,
        root: Path,
        journal: Journal,
        say: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._root = root
        self._terminal = Terminal(root)
        self._journal = journal
        self._say = say
        self._patience = patience or Patience()
        self._variables: dict[str, str] = {}

    def apply(self) -> Counter[str]:
        """Bring the project to what the plan says.

        Returns:
            How many things were made, changed and found standing.

        Raises:
            DeployFault: why it stopped; what was done until then stands.
        """
        before = self._journal.unfinished()
        if before is not None:
            self._say(f"The last run stopped at “{before}”; everything is looked at again.")
        counts: Counter[str] = Counter()
        for step in self._plan.first:
            counts[self._attempt(step, self._bring)] += 1
        self._learn_facts()
        for remark in remarks(self._settings, self._variables):
            self._say(f"Note: {remark}.")
        for step in self._plan.steps:
            counts[self._attempt(step, self._bring)] += 1
        self._journal.write("all", "done")
        return counts

    def remove(self, *, with_images: bool) -> tuple[Counter[str], tuple[str, ...]]:
        """Take away what the plan made, the last first.

        Args:
            with_images: the image repository and the build bucket too.

        Returns:
            How many things were removed or absent, and what is left, in sentences.

        Raises:
            DeployFault: why it stopped; what was not reached stands.
        """
        self._learn_facts()
        counts: Counter[str] = Counter()
        left: list[str] = []
        for step in reversed((*self._plan.first, *self._plan.steps)):
            if step.leaves is not None:
                left.append(step.leaves)
            if step.holds_images and not with_images:
                left.append(f"{step.title} stays; --with-images removes it")
            elif step.remove:
                counts[self._attempt(step, self._take_away)] += 1
        self._journal.write("all", "removed")
        return counts, tuple(left)

    def _learn_facts(self) -> None:
        self._variables |= look_up(
            self._settings, lambda command: self._run(command, _ENABLING).out
        )

    def _attempt(self, step: Step, act: Callable[[Step], str]) -> str:
        try:
            outcome = act(step)
        except DeployFault as fault:
            self._journal.write(step.title, "failed", str(fault))
            raise type(fault)(f"{step.title}: {fault}") from fault
        self._journal.write(step.title, outcome)
        self._say(f"  {outcome:<8} {step.title}")
        return outcome

    def _bring(self, step: Step) -> str:
        verdict = self._see(step)
        if verdict.standing is Standing.RIGHT:
            return "stands"
        if verdict.standing is Standing.FOREIGN and step.foreign is not None:
            raise StandsForeign(step.foreign)
        for difference in verdict.differences:
            self._say(f"           {difference}")
        self._write_files(step)
        missing = verdict.standing is Standing.MISSING
        for command in step.create if missing or step.update is None else step.update:
            self._carry_out(step, command)
        return "made" if missing else "changed"

    def _take_away(self, step: Step) -> str:
        if self._see(step).standing is Standing.MISSING:
            return "absent"
        for command in step.remove:
            self._carry_out(step, command)
        return "removed"

    def _see(self, step: Step) -> Verdict:
        for command in step.learn:
            self._take(command, self._run(command, _ENABLING))
        verdict = Verdict(standing=Standing.RIGHT)
        for check in step.checks:
            answer = self._run(check.command, _ENABLING)
            verdict = check.look.judge(parsed(check.command, answer), self._variables)
            self._variables |= verdict.found
            if verdict.standing is not Standing.RIGHT:
                break
        return verdict

    def _carry_out(self, step: Step, command: Command) -> None:
        phrases = _FRESH if step.settles else _ENABLING
        self._take(command, self._run(command, phrases, aloud=True))

    def _run(self, command: Command, phrases: tuple[str, ...], *, aloud: bool = False) -> Answer:
        """Run it, again and again while its failure is of those that pass by themselves."""
        tries = self._patience.tries
        answer = self._terminal.run(command, self._variables, aloud=aloud)
        while answer.code != 0 and tries and _says(answer, phrases):
            self._say(f"           not known everywhere yet; again in {self._patience.pause_s:g} s")
            time.sleep(self._patience.pause_s)
            tries -= 1
            answer = self._terminal.run(command, self._variables, aloud=aloud)
        if answer.code != 0:
            raise CommandFailed(failure(command, answer) + hint(answer.err))
        return answer

    def _take(self, command: Command, answer: Answer) -> None:
        if command.capture is None:
            return
        value = captured(command, answer.out)
        if not value:
            raise CommandFailed(f"{shell(command)}\nanswered nothing for {command.capture}")
        self._variables[command.capture] = value

    def _write_files(self, step: Step) -> None:
        for file in step.files:
            path = self._root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, "utf-8")


def _says(answer: Answer, phrases: tuple[str, ...]) -> bool:
    said = answer.err.lower()
    return any(phrase in said for phrase in phrases)
