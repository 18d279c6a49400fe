"""A project as gcloud and curl show it; creating a resource twice is refused.

Its output has the form of Google's `--format=json`. It knows the dependencies that matter: a
binding needs its account, a service its image, a trigger its service and the database's location.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = "my-app-1234"
REGION = "europe-west4"
BUCKET = "my-app.appspot.com"
NUMBER = "123456789"
BILLING = "billingAccounts/0X0X0X-0X0X0X-0X0X0X"


class CommandRefused(Exception):
    """A command is refused; the message is gcloud's stderr."""


@dataclass
class Cloud:
    """One project.

    Attributes:
        root: where the commands' relative paths begin.
        facts: the state before any deployment.
        things: by kind and name, as `list` would show each.
        policies: role, member and condition title, by the words that name a thing.
        agents: the service agents created so far.
    """

    root: Path
    location: str = "nam5"
    database: str | None = "FIRESTORE_NATIVE"
    bucket: str | None = BUCKET
    bucket_location: str = "EUROPE-WEST4"
    is_uniform: bool = True  # the bucket's access
    billing: str | None = BILLING
    locations: tuple[str, ...] = ("europe-west4", "us-central1")
    quotas: dict[str, int] = field(
        default_factory=lambda: {
            "CpuAllocPerProjectRegion": 200_000,
            "MemAllocPerProjectRegion": 1000 << 30,
            "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion": 100,
            "NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion": 100_000,
        }
    )
    linked: list[str] = field(default_factory=lambda: [BUCKET])  # buckets, to Firebase
    cors: list[Any] = field(default_factory=list)
    lifecycle: list[Any] = field(default_factory=list)  # rules
    enabled: set[str] = field(default_factory=set)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, set[tuple[str, str, str | None]]] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    rulesets: dict[str, Any] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    revision_count: int = 0  # made so far
    problems: list[str] = field(default_factory=list)  # of what a candidate renders
    reports: list[dict[str, Any]] = field(default_factory=list)  # of candidates, in the bucket

    def state(self) -> dict[str, Any]:
        """Return everything, comparable, without counters."""
        return {
            "enabled": sorted(self.enabled),
            "things": self.things,
            "policies": {name: sorted(map(str, held)) for name, held in self.policies.items()},
            "agents": sorted(self.agents),
            "cors": self.cors,
            "lifecycle": self.lifecycle,
            "rules": {
                name: self.rulesets[ruleset]["source"] for name, ruleset in self.releases.items()
            },
        }

    def reset(self) -> None:
        """Delete everything that was created."""
        for create_handler in (
            self.enabled,
            self.things,
            self.policies,
            self.agents,
            self.rulesets,
        ):
            create_handler.clear()
        self.releases.clear()
        self.revision_count = 0
        self.cors = []
        self.lifecycle = []

    def make(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Create a resource."""
        if name in self.things.setdefault(kind, {}):
            raise CommandRefused(f"ALREADY_EXISTS: {kind} {name}")
        self.things[kind][name] = body

    def change(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Update a resource."""
        self.find(kind, name).update(body)

    def find(self, kind: str, name: str) -> Any:
        """Return a resource; refuse where there is none."""
        if name not in self.things.get(kind, {}):
            raise CommandRefused(f"NOT_FOUND: {kind} {name} does not exist")
        return self.things[kind][name]

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource and its policies."""
        self.find(kind, name)
        del self.things[kind][name]
        for policy in [policy for policy in self.policies if f"|{name}|" in f"|{policy}|"]:
            del self.policies[policy]

    def check_member(self, member: str) -> None:
        """Refuse members that do not exist."""
        email = member.removeprefix("serviceAccount:")
        if email.endswith("@system.gserviceaccount.com"):
            return  # Google's own, for every project
        if "gcp-sa-" in email:
            if email.split("gcp-sa-")[1].split(".")[0] not in self.agents:
                raise CommandRefused(f"INVALID_ARGUMENT: Service account {email} does not exist.")
        elif email not in self.things.get("accounts", {}):
            raise CommandRefused(f"INVALID_ARGUMENT: Service account {email} does not exist.")
