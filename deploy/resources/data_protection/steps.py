"""The steps of data protection, of the repository's files about the data."""

from dataclasses import dataclass

from deploy.resources.access import iam
from deploy.resources.data_protection import bucket, fields, security_rules
from deploy.settings import Part, Settings
from deploy.step import Step


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The repository's files about the data.

    Attributes:
        firestore_rules: the text.
        storage_rules: the text.
        cors: the bucket's entries.
        lifecycle: the bucket's rules.
        expiries: collection group and field of each time after which a document is deleted.
        exemptions: collection group and field of each field without single-field indexes.
    """

    firestore_rules: str
    storage_rules: str
    cors: tuple[object, ...]
    lifecycle: tuple[object, ...]
    expiries: tuple[tuple[str, str], ...]
    exemptions: tuple[tuple[str, str], ...]


def steps(settings: Settings, data: DataConfig) -> tuple[Step, ...]:
    """Return the steps: rules, CORS and lifecycle unless omitted, expiry, index exemptions."""
    chosen: list[Step] = []
    if Part.RULES not in settings.omits:
        for_storage = f"firebase.storage/{settings.bucket}"
        chosen += (
            security_rules.linked(settings),
            iam.storage_rules(settings),
            security_rules.in_force(
                settings, "cloud.firestore", "firestore.rules", data.firestore_rules
            ),
            security_rules.in_force(settings, for_storage, "storage.rules", data.storage_rules),
        )
    if Part.CORS not in settings.omits:
        chosen.append(bucket.cors(settings, data.cors))
    if Part.LIFECYCLE not in settings.omits:
        chosen.append(bucket.lifecycle(settings, data.lifecycle))
    chosen += (fields.expiry(settings, group, field) for group, field in data.expiries)
    chosen += (fields.exemption(settings, group, field) for group, field in data.exemptions)
    return tuple(chosen)
