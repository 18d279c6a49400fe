"""One step of a plan: a resource and how to check, create, update and remove it."""

from dataclasses import dataclass

from deploy.checks import Expectation, RoleBinding
from deploy.command import Command, gcloud


@dataclass(frozen=True, kw_only=True)
class Check:
    """A command that changes nothing, and the expectation on its JSON."""

    command: Command
    expect: Expectation


@dataclass(frozen=True, kw_only=True)
class File:
    """A generated file that a command reads, in the deployment's folder under out/."""

    path: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A resource of the deployment.

    Attributes:
        title: the resource, as a noun.
        why: the reason for it, or for its configuration.
        checks: run in order until one does not match.
        create: creates it.
        update: changes it where it differs; None: `create` does that too.
        remove: removes it; empty where it is removed with another resource.
        leaves: what `remove` leaves, and why; None: nothing.
        captures: commands that capture variables before the checks.
        eventually_consistent: may fail for a minute until a resource created just before is known.
        foreign_message: for the operator where the app has its own; None: it is replaced.
        files: the files that the commands read.
        foreseeable: what its checks find foreign is told before anything is made.
        repeats: its update changes one thing of several; done again until the checks match.
        holds_images: kept unless images are to be removed too.
    """

    title: str
    why: str
    checks: tuple[Check, ...]
    create: tuple[Command, ...]
    update: tuple[Command, ...] | None = None
    remove: tuple[Command, ...] = ()
    leaves: str | None = None
    captures: tuple[Command, ...] = ()
    eventually_consistent: bool = False
    foreign_message: str | None = None
    files: tuple[File, ...] = ()
    foreseeable: bool = False
    repeats: bool = False
    holds_images: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An IAM policy: the command's words before the verb, and those that name the resource.

    Attributes:
        group: such as `run services`.
        target: such as `idle-gate --region=…`.
        conditional: its bindings may have conditions, so that "none" must be explicit.
        persistent: the resource is not removed, so its bindings must be removed one by one.
    """

    group: str
    target: tuple[str, ...]
    conditional: bool = False
    persistent: bool = False

    def command(self, verb: str, *flags: str) -> Command:
        """Return a command about this policy, such as `get-iam-policy`."""
        return gcloud(f"{self.group} {verb}", *self.target, *flags)

    def flags(self, role: str, member: str, condition: "Condition | None") -> tuple[str, ...]:
        """Return the flags that name a binding of it."""
        named = (f"--member={member}", f"--role={role}")
        if condition is not None:
            return (
                *named,
                f"--condition=expression={condition.expression},title={condition.title}",
            )
        return (*named, "--condition=None") if self.conditional else named


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The condition of a binding."""

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
    resource_checks: tuple[Check, ...] = (),
) -> Step:
    """Return the step of a binding.

    Args:
        policy: the policy.
        role: the role.
        member: the member.
        title: the binding, as a phrase.
        why: the reason.
        condition: when it applies.
        before: commands before creating it.
        leaves: why it is left; None: it is removed, directly or with its resource.
        resource_checks: checks of the resource, where it may be missing.
    """
    flags = policy.flags(role, member, condition)
    check = Check(
        command=policy.command("get-iam-policy", "--format=json"),
        expect=RoleBinding(
            role=role, member=member, condition=condition.title if condition else None
        ),
    )
    removed = policy.command("remove-iam-policy-binding", *flags)
    return Step(
        title=title,
        why=why,
        checks=(*resource_checks, check),
        create=(*before, policy.command("add-iam-policy-binding", *flags)),
        remove=(removed,) if policy.persistent and leaves is None else (),
        leaves=leaves,
        eventually_consistent=True,
    )
