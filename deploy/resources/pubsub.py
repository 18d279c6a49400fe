"""Pub/Sub: topics, who publishes to them, and a subscription of the same name."""

from collections.abc import Mapping

from deploy import names
from deploy.checks import Field, ListEntry, Path
from deploy.command import Command, gcloud
from deploy.settings import Settings
from deploy.step import Check, Policy, Step, grant

Limits = Mapping[str, tuple[Path, str]]
"""A subscription's settings: by the name of the flag, where they are shown, and the values."""


def topic(settings: Settings, name: str, *, why: str) -> Step:
    """Return the step of a topic."""
    project = names.project(settings)
    return Step(
        title=f"Topic {name}",
        why=why,
        checks=(
            Check(
                command=gcloud("pubsub topics list", project, "--format=json"),
                expect=ListEntry(name=name),
            ),
        ),
        create=(gcloud("pubsub topics create", name, project),),
        remove=(gcloud("pubsub topics delete", name, project, "--quiet"),),
    )


def publisher(
    settings: Settings,
    name: str,
    member: str,
    *,
    title: str,
    why: str,
    before: tuple[Command, ...] = (),
) -> Step:
    """Return the step that lets a member publish to a topic.

    Args:
        settings: the deployment.
        name: of the topic.
        member: of the binding.
        title: the binding, as a phrase.
        why: the reason.
        before: commands before creating it.
    """
    return grant(
        Policy(group="pubsub topics", target=(name, names.project(settings))),
        role="roles/pubsub.publisher",
        member=member,
        title=title,
        why=why,
        before=before,
    )


def subscription(settings: Settings, name: str, limits: Limits, *, why: str) -> Step:
    """Return the step of the subscription to the topic of this name; it never expires."""
    project = names.project(settings)
    words = (*flags(limits), "--expiration-period=never", project)
    return Step(
        title=f"Subscription {name}",
        why=why,
        checks=(
            Check(
                command=gcloud("pubsub subscriptions list", project, "--format=json"),
                expect=ListEntry(name=name, fields=fields(limits)),
            ),
        ),
        create=(gcloud("pubsub subscriptions create", name, f"--topic={name}", *words),),
        update=(gcloud("pubsub subscriptions update", name, *words),),
        remove=(gcloud("pubsub subscriptions delete", name, project, "--quiet"),),
        eventually_consistent=True,
    )


def flags(limits: Limits) -> tuple[str, ...]:
    """Return the flags that set a subscription's limits."""
    return tuple(f"--{flag}={value}" for flag, (_, value) in limits.items())


def fields(limits: Limits) -> tuple[Field, ...]:
    """Return the fields that show a subscription's limits."""
    return tuple(Field(path, value) for path, value in limits.values())
