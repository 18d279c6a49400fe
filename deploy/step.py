"""One step of a plan: a thing in the project, how to see it, make it, change it and remove it."""

from dataclasses import dataclass

from deploy.checks import Bound, Look
from deploy.command import Command, gcloud


@dataclass(frozen=True, kw_only=True)
class Check:
    """A command that changes nothing, and how its JSON answer is read."""

    command: Command
    look: Look


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that a command reads: generated, in the deployment's folder under out/."""

    path: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A thing that the deployment wants.

    Attributes:
        title: the thing, as a noun.
        why: the reason for it, or for the way it is.
        checks: asked in order until one does not find it right.
        create: makes it.
        update: makes it right where it differs; None: `create` does that too.
        remove: takes it away again; nothing where it goes with another thing.
        leaves: what `remove` leaves, and why; None: nothing is left.
        learn: captures that must come before the checks.
        settles: may fail for a minute because something made just before is not known everywhere.
        foreign: what to tell the operator where the app's own stands; None: it is replaced.
        files: what the commands read.
        holds_images: outlives the deployment unless images are to go too.
    """

    title: str
    why: str
    checks: tuple[Check, ...]
    create: tuple[Command, ...]
    update: tuple[Command, ...] | None = None
    remove: tuple[Command, ...] = ()
    leaves: str | None = None
    learn: tuple[Command, ...] = ()
    settles: bool = False
    foreign: str | None = None
    files: tuple[File, ...] = ()
    holds_images: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Whose IAM policy: the words before the verb, and those that name the thing.

    Attributes:
        group: such as `run services`.
        target: such as `idle-gate --region=…`.
        conditional: its bindings may bear conditions, so that "none" must be said.
        stays: the thing outlives the deployment, so that bindings on it must be removed one by one.
    """

    group: str
    target: tuple[str, ...]
    conditional: bool = False
    stays: bool = False

    def command(self, verb: str, *flags: str) -> Command:
        """A command about this policy, such as `get-iam-policy`."""
        return gcloud(f"{self.group} {verb}", *self.target, *flags)

    def flags(self, role: str, member: str, condition: "Condition | None") -> tuple[str, ...]:
        """How commands name a binding of it."""
        named = (f"--member={member}", f"--role={role}")
        if condition is not None:
            return (
                *named,
                f"--condition=expression={condition.expression},title={condition.title}",
            )
        return (*named, "--condition=None") if self.conditional else named


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When a binding holds."""

    title: str
    expression: str


def grant(
    policy: Policy,
    *,
    role: str,
    member: str,
    title: str,
    why: str,
    condition: Condition | None = None,
    before: tuple[Command, ...] = (),
    leaves: str | None = None,
    where: tuple[Check, ...] = (),
) -> Step:
    """A binding as a step.

    Args:
        policy: on what.
        role: what for.
        member: whom.
        title: the binding, as a phrase.
        why: the reason.
        condition: when it holds.
        before: commands ahead of making it.
        leaves: why it is left; None: it is removed, or goes with its thing.
        where: checks that see the thing, where it may be gone before its binding is looked for.
    """
    flags = policy.flags(role, member, condition)
    seen = Check(
        command=policy.command("get-iam-policy", "--format=json"),
        look=Bound(role=role, member=member, condition=condition.title if condition else None),
    )
    removed = policy.command("remove-iam-policy-binding", *flags)
    return Step(
        title=title,
        why=why,
        checks=(*where, seen),
        create=(*before, policy.command("add-iam-policy-binding", *flags)),
        remove=(removed,) if policy.stays and leaves is None else (),
        leaves=leaves,
        settles=True,
    )
