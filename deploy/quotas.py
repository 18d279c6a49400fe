"""Cloud Run's quotas of one region: whether what is planned fits in. Pure.

Ids and units as `gcloud beta quotas info list` shows them: CPU in thousandths, memory in bytes, the
L4 in pieces, the RTX PRO 6000 in thousandths. A new project has 20 CPUs and 40 GiB in a region, and
is given three L4 without zonal redundancy at its first deployment, for which nothing is listed
before. (Reports of operators, 2026; docs/run/deployment.md names them.)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import UnsupportedProject
from deploy.settings import Card, Settings

_CPU, _MEMORY = "CpuAllocPerProjectRegion", "MemAllocPerProjectRegion"
_GPUS = {
    Card.L4: ("NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion", 1),
    Card.RTX_PRO_6000: ("NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion", 1000),
}
_GIB = 1 << 30
_UNLIMITED = -1


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the services may take of one quota at the same time."""

    quota: str
    amount: int
    words: str  # for people


def demands(settings: Settings) -> tuple[Demand, ...]:
    """Return what the planned services take when all their instances run."""
    machine, renderers = settings.machine, settings.max_instances
    gates = settings.gate_max_instances if settings.has_gate else 0
    apis = 0 if settings.api is None else settings.api_max_instances
    cpus = int(machine.cpu) * renderers + gates + apis
    gib = int(machine.memory.removesuffix("Gi")) * renderers + gates * GATE_GIB + apis * API_GIB
    wanted = [
        Demand(quota=_CPU, amount=cpus * 1000, words=f"{cpus} CPUs"),
        Demand(quota=_MEMORY, amount=gib * _GIB, words=f"{gib} GiB of memory"),
    ]
    if settings.card in _GPUS:
        quota, unit = _GPUS[settings.card]
        words = f"{renderers} × {settings.card.value} without zonal redundancy"
        wanted.insert(0, Demand(quota=quota, amount=renderers * unit, words=words))
    return tuple(wanted)


GATE_GIB, API_GIB = 1, 2  # of one instance


def check_quotas(settings: Settings, listed: str) -> tuple[str, ...]:
    """Return remarks on quotas that are not listed.

    Args:
        settings: the deployment.
        listed: the JSON of `gcloud beta quotas info list`.

    Raises:
        UnsupportedProject: the planned instances do not fit in.
    """
    infos = {info.get("quotaId"): info for info in json.loads(listed)}
    remarks, refusals = [], []
    for demand in demands(settings):
        limit = _limit(infos.get(demand.quota, {}), settings.region)
        if limit is None:
            remarks.append(
                f"no quota {demand.quota} is listed for {settings.region}; three L4 are granted at "
                "a project's first deployment, else ask: https://g.co/cloudrun/gpu-quota"
            )
        elif limit != _UNLIMITED and limit < demand.amount:
            refusals.append(f"{demand.words} ({demand.quota} is {limit}, needed {demand.amount})")
    if refusals:
        raise UnsupportedProject(
            f"{settings.region} of {settings.project} has no room for {'; '.join(refusals)}. "
            "Accepted: fewer --max-instances or --gate-max-instances, or higher quotas: "
            f"https://console.cloud.google.com/iam-admin/quotas?project={settings.project} "
            "(Cloud Run Admin API, this region; GPUs: https://g.co/cloudrun/gpu-quota). While a "
            "new revision replaces an old one, both take room. --omit quotas asks nothing"
        )
    return tuple(remarks)


def _limit(info: Mapping[str, Any], region: str) -> int | None:
    """Return the limit in a region; None where none is listed."""
    rest = None
    for entry in info.get("dimensionsInfos", []):
        value = entry.get("details", {}).get("value")
        if value is None:
            continue
        if entry.get("dimensions", {}).get("region") == region:
            return int(value)
        if region in entry.get("applicableLocations", []) and not entry.get("dimensions"):
            rest = int(value)
    return rest
