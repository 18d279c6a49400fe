"""One episode: a seed becomes a world, everything happens in it, and what it came to is judged."""

import random
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from functions.roles import Role
from tests.functions.explorer.app import Act, App
from tests.functions.explorer.checks.attempts import Attempts
from tests.functions.explorer.checks.every_step import Checks
from tests.functions.explorer.checks.quiet import Quiet
from tests.functions.explorer.deliveries import Couriers
from tests.functions.explorer.disturbances import KILLS, SOFT, Disturbance, Kind, Weather
from tests.functions.explorer.instances import SETTINGS, VERSIONS, Instance, Workshop
from tests.functions.explorer.model import Avatar
from tests.functions.explorer.report import Report
from tests.functions.explorer.talks import Talk, TalkApp
from tests.functions.explorer.timeline import Timeline
from tests.functions.explorer.world import START_S, Commit, World

_DAY_S = 86_400.0
_STORM_S = 900.0  # after the last act, then nothing is disturbed any more
_CUE_S = 90.0  # for so long an act waits for its cue
_SKEWS = (0.0, 0.0, 0.0, 660.0, -660.0, 2.0)
_SECOND_OF = 0.12  # of all episodes: two avatars of one owner, who may render little
_TALKING_OF = 0.4  # of all episodes: the first avatar has a talk
_CROWD_OF = 0.15  # of all episodes: three of one owner, who wait for their turns


@dataclass(frozen=True, kw_only=True)
class EpisodeReport:
    """What an episode came to."""

    seed: int
    check: str | None  # that found something
    breach: str
    acts: tuple[str, ...]
    disturbances: tuple[str, ...]
    kinds: tuple[str, ...]  # of the disturbances
    trace: tuple[str, ...]


class Episode:
    """All that belongs to one seed."""

    def __init__(
        self, seed: int, without: frozenset[str], *, off: frozenset[str], telling: bool
    ) -> None:
        self.seed = seed
        self.without = without
        self.timeline = Timeline(seed, START_S)
        self.report = Report(timeline=self.timeline, off=off, telling=telling)
        self._stream = random.Random(f"{seed}/deployment")  # noqa: S311 - must be repeatable
        self._instances: list[Instance] = []
        self._build()
        self._deploy()

    # --- what there is

    def _build(self) -> None:
        tell, wrong = self.report.tell, self.report.wrong
        self.attempts = Attempts(timeline=self.timeline, wrong=wrong)
        self.weather = Weather(
            timeline=self.timeline,
            seed=self.seed,
            without=self.without,
            tell=tell,
            heed=self._heed,
            excuse=self.attempts.excuse,
        )
        self.couriers = Couriers(
            timeline=self.timeline,
            seed=self.seed,
            instances=self._answering,
            tell=tell,
            wrong=wrong,
            without=self.without,
            lossy=self._stream.random() < 0.1,
        )
        self.world = World(
            timeline=self.timeline,
            deliver=self.couriers.event,
            enqueue=lambda task: self.couriers.task(task, f"t{self.world.number('t')}"),
            committed=self._committed,
            object_changed=lambda path: self.report.made(lambda: self.checks.object_changed(path)),
            forgotten=lambda avatar_id: wrong("newer", f"fields of {avatar_id}'s ledger are lost"),
        )
        two = self._stream.random() < _SECOND_OF
        crowd = random.Random(f"{self.seed}/crowd")  # noqa: S311 - must be repeatable
        names: tuple[str, ...] = ("ava", "bob") if two else ("ava",)
        if crowd.random() < _CROWD_OF:
            names = ("ava", "bob", "cyd")
        self.avatars = {each: Avatar(id=each) for each in names}
        settings = replace(
            SETTINGS,
            renders_per_day=self._stream.choice((30, 30, 30, 3)),
            renders_per_owner_day=4 if two else 100,
            renders_per_owner_at_once=crowd.choice((1, 1, 2, 3)),
            renders_per_day_total=self._stream.choice((5_000, 5_000, 5_000, 5)),
            mirror_dynamics=self._stream.random() < 0.1,
        )
        self.talks: dict[str, Talk] = {}
        if crowd.random() < _TALKING_OF:
            host = self.avatars["ava"]
            self.talks = {"ava:hi": Talk(id="ava:hi", host=host)}
        self.world.ledger.total = self.attempts.total = settings.renders_per_day_total
        self.checks = Checks(
            world=self.world,
            avatars=self.avatars,
            talks=self.talks,
            attempts=self.attempts,
            wrong=wrong,
            settings=settings,
        )
        self.workshop = Workshop(
            timeline=self.timeline, weather=self.weather, world=self.world, settings=settings
        )
        alone = self._stream.random() < 0.65
        self.apps = [
            App(
                world=self.world,
                avatar=avatar,
                seed=self.seed,
                tell=tell,
                acted=self.checks.look,
                without=self.without,
                alone=alone,
                sweep=lambda: self._sweep(quiet_s=60.0),
            )
            for avatar in self.avatars.values()
        ]

    def _deploy(self) -> None:
        stream = self._stream
        self.queued = stream.random() < 0.45
        self.workshop.deferring = random.Random(f"{self.seed}/deferral").random() < 0.6  # noqa: S311
        self.versions = VERSIONS if stream.random() < 0.3 else VERSIONS[:1]
        self.attempts.versions = len(self.versions)
        self.world.newer = self.versions[1] if len(self.versions) > 1 else None
        skewed = stream.random() < 0.25
        roles = (Role.ALL,) * stream.choice((2, 2, 3))
        if self.queued:
            roles = (Role.GATE, Role.GATE, Role.RENDERER, Role.RENDERER)
        for number, role in enumerate(roles):
            skew_s = stream.choice(_SKEWS)
            version = self.versions[number % len(self.versions)]
            self._start(role, version, skew_s if skewed else 0.0)

    def _start(self, role: Role, version: str, skew_s: float) -> None:
        name = f"{role.value}{self.world.number(role.value)}"
        self._instances.append(self.workshop.instance(name, role, version, skew_s))

    def _answering(self, roles: frozenset[Role]) -> list[Instance]:
        living = (each for each in self._instances if each.answers and not each.dead)
        return [each for each in living if each.role in roles]

    # --- what happens

    def run(self) -> EpisodeReport:
        """Play it to its end."""
        acts = [act for app in self.apps for act in app.script()]
        for talk in self.talks.values():
            app = TalkApp(world=self.world, talk=talk, seed=self.seed, tell=self.report.tell)
            acts += [
                Act(at_s=at_s, name=name, do=do)
                for at_s, name, do in app.script()
                if name not in self.without
            ]
        with redirect_stderr(self.report.log):
            try:
                self._play(acts)
            finally:
                self.timeline.close(self._instances)
        happened = self.weather.happened
        return EpisodeReport(
            seed=self.seed,
            check=self.report.check,
            breach=self.report.breach,
            acts=tuple(act.name for act in acts),
            disturbances=(*self.couriers.lost, *(each.name for each in happened)),
            kinds=tuple(f"{each.port} {each.kind.name}" for each in happened),
            trace=tuple(self.report.trace),
        )

    def _play(self, acts: list[Act]) -> None:
        for act in acts:
            self.timeline.after(act.at_s, partial(self._await, act))
        self.timeline.advance(max((act.at_s for act in acts), default=0) + _STORM_S)
        self.weather.calm = True
        self.couriers.lossy = False
        self.weather.outages.clear()
        self.report.tell("", "--- nothing is disturbed any more")
        self.timeline.run()
        # A duplicate of what was acknowledged may just have failed: its lease runs out.
        self.timeline.advance(self.checks.settings.lease_s)
        if self.report.check is None:
            if left := sorted(self.couriers.under_way):
                self.report.wrong("acknowledged", f"never acknowledged: {left}")
            self._check(mended=False)
            self._end_the_roll_out()
            self._mend()

    def _await(self, act: Act) -> None:
        """Let an act happen upon its cue, or without it when that does not come."""
        done: list[Act] = []

        def do() -> None:
            if not done:
                done.append(act)
                act.do(act.name)

        if act.cue is None:
            do()
        else:
            self.weather.upon(act.cue, do)
            self.timeline.after(_CUE_S, do)

    def _end_the_roll_out(self) -> None:
        last = self.versions[-1]
        self.versions = (last,)
        for instance in [each for each in self._instances if each.version != last]:
            self.timeline.kill(instance)
            if instance.answers:
                self._start(instance.role, last, 0.0)

    def _mend(self) -> None:
        """Reconcile day after day, until it finds nothing more."""
        attended = 1
        for _ in range(6):
            if self.report.check is not None or not attended:
                break
            self.timeline.advance(_DAY_S + 3600)
            self.report.tell("", "--- reconcile")
            tallies = self._sweep(quiet_s=900.0)
            self.timeline.run()
            if not tallies or tallies[0].faults:
                self.report.wrong("reconcile", "reconcile has faults")
            attended = tallies[0].attended if tallies else 1
        if attended:
            self.report.wrong("reconcile", "reconcile finds something again and again")
        self._check(mended=True)

    def _check(self, *, mended: bool) -> None:
        kinds = {each.kind for each in self.weather.happened}
        quiet = Quiet(
            world=self.world,
            checks=self.checks,
            wrong=self.report.wrong,
            mended=mended,
            orderly=kinds <= {*SOFT, Kind.BREAK} and not self.weather.missed,
            killed=not KILLS.isdisjoint(kinds),
            heard=not self.couriers.lost,
            queued=self.queued,
        )
        for avatar in self.avatars.values():
            self.report.made(partial(quiet.look, avatar))
        for talk in self.talks.values():
            judge = partial(
                self.checks.spoken.quiet,
                talk,
                mended=mended,
                heard=quiet.heard,
                may_wait=len(self.versions) > 1 and not self.queued,
            )
            self.report.made(judge)
        self.report.made(quiet.quotas)

    def _sweep(self, *, quiet_s: float) -> list[Any]:
        """Reconcile once, in a process of its own."""
        number = self.world.number("r")
        name, version = f"r{number}", self.versions[number % len(self.versions)]
        role = Role.GATE if self.queued else Role.ALL
        instance = self.workshop.instance(name, role, version, 0.0)
        instance.answers = False
        self._instances.append(instance)
        tallies: list[Any] = []

        def sweep() -> None:
            try:
                tallies.append(self.workshop.sweep(instance, quiet_s=quiet_s))
            except Exception as fault:  # the end of a run; the next one goes on
                self.report.tell(name, f"ends with {fault!r}")
            else:
                self.report.tell(name, f"found {dict(tallies[0].found)}")

        self.timeline.spawn(name, instance, sweep)
        return tallies

    # --- what follows from it

    def _committed(self, commit: Commit) -> None:
        self.report.committed(commit)
        self.report.made(lambda: self.checks.committed(commit))

    def _heed(self, disturbance: Disturbance) -> None:
        self.attempts.heed(disturbance)
        host = disturbance.party.host
        if disturbance.kind in KILLS and isinstance(host, Instance) and host.answers:
            later_s = 1 + 30 * disturbance.size
            self.timeline.after(later_s, lambda: self._start(host.role, host.version, 0.0))


def play(
    seed: int,
    without: frozenset[str] = frozenset(),
    *,
    off: frozenset[str] = frozenset(),
    telling: bool = False,
) -> EpisodeReport:
    """Play one episode.

    Args:
        seed: which one.
        without: acts and disturbances that are left out.
        off: checks that are not made.
        telling: whether a trace is kept.
    """
    return Episode(seed, without, off=off, telling=telling).run()


def shrink(found: EpisodeReport, without: frozenset[str], off: frozenset[str]) -> frozenset[str]:
    """What can be left out, so that the same check still finds something."""
    tried: set[str] = set(without)
    while True:
        named = (*reversed(found.acts), *reversed(found.disturbances), "outage")
        candidate = next((each for each in named if each not in tried), None)
        if candidate is None:
            return without
        tried.add(candidate)
        smaller = play(found.seed, without | {candidate}, off=off)
        if smaller.check == found.check:
            without, found = without | {candidate}, smaller
