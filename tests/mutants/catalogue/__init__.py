"""The list of faults, the nine that once survived first."""

from tests.mutants.catalogue import (
    animals,
    cloud,
    faces,
    hearing,
    lateness,
    media_limits,
    privacy,
    protocol,
    publication,
    reconcile,
    renderer,
    requests,
    service,
    speaking,
    survivors,
    talking,
    web,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *survivors.MUTANTS,
    *protocol.MUTANTS,
    *lateness.MUTANTS,
    *publication.MUTANTS,
    *requests.MUTANTS,
    *service.MUTANTS,
    *reconcile.MUTANTS,
    *renderer.MUTANTS,
    *media_limits.MUTANTS,
    *cloud.MUTANTS,
    *privacy.MUTANTS,
    *faces.MUTANTS,
    *speaking.MUTANTS,
    *hearing.MUTANTS,
    *talking.MUTANTS,
    *web.MUTANTS,
    *animals.MUTANTS,
)
