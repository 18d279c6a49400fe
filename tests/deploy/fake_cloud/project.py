"""A project as gcloud and curl show it: what was made stands, and is refused a second time.

It answers in the forms of Google's `--format=json`. It knows the dependencies that matter: a
binding wants its account, a service its image, a trigger its service and the database's location.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = "my-app-1234"
REGION = "europe-west4"
BUCKET = "my-app.appspot.com"
NUMBER = "123456789"
BILLING = "billingAccounts/0X0X0X-0X0X0X-0X0X0X"


class Refused(Exception):
    """What gcloud would write to stderr."""


@dataclass
class Cloud:
    """One project.

    Attributes:
        root: where the commands' relative paths begin.
        facts: what stands before any deployment.
        things: by kind and name, as `list` would show each.
        policies: role, member and condition title, by the words that name a thing.
        agents: the service agents that were made.
    """

    root: Path
    location: str = "nam5"
    database: str | None = "FIRESTORE_NATIVE"
    bucket: str | None = BUCKET
    bucket_location: str = "EUROPE-WEST4"
    billing: str | None = BILLING
    locations: tuple[str, ...] = ("europe-west4", "us-central1")
    cors: list[Any] = field(default_factory=list)
    enabled: set[str] = field(default_factory=set)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, set[tuple[str, str, str | None]]] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    rulesets: dict[str, Any] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """Everything, comparable; numbers that only count are left out."""
        return {
            "enabled": sorted(self.enabled),
            "things": self.things,
            "policies": {name: sorted(map(str, held)) for name, held in self.policies.items()},
            "agents": sorted(self.agents),
            "cors": self.cors,
            "rules": {
                name: self.rulesets[ruleset]["source"] for name, ruleset in self.releases.items()
            },
        }

    def reset(self) -> None:
        """Forget everything that was made."""
        for made in (self.enabled, self.things, self.policies, self.agents, self.rulesets):
            made.clear()
        self.releases.clear()
        self.cors = []

    def make(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """A new thing."""
        if name in self.things.setdefault(kind, {}):
            raise Refused(f"ALREADY_EXISTS: {kind} {name}")
        self.things[kind][name] = body

    def change(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """A thing that is there."""
        self.find(kind, name).update(body)

    def find(self, kind: str, name: str) -> Any:
        """A thing, or the refusal."""
        if name not in self.things.get(kind, {}):
            raise Refused(f"NOT_FOUND: {kind} {name} does not exist")
        return self.things[kind][name]

    def unmake(self, kind: str, name: str) -> None:
        """Away with it, and with what only holds with it."""
        self.find(kind, name)
        del self.things[kind][name]
        for policy in [policy for policy in self.policies if f"|{name}|" in f"|{policy}|"]:
            del self.policies[policy]

    def known(self, member: str) -> None:
        """Refuse members that nobody made."""
        email = member.removeprefix("serviceAccount:")
        if "gcp-sa-" in email:
            if email.split("gcp-sa-")[1].split(".")[0] not in self.agents:
                raise Refused(f"INVALID_ARGUMENT: Service account {email} does not exist.")
        elif email not in self.things.get("accounts", {}):
            raise Refused(f"INVALID_ARGUMENT: Service account {email} does not exist.")
