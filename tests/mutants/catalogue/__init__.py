"""The list of faults, the nine that once survived first."""

from tests.mutants.catalogue import (
    cloud,
    protocol,
    publication,
    reconcile,
    renderer,
    requests,
    service,
    survivors,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *survivors.MUTANTS,
    *protocol.MUTANTS,
    *publication.MUTANTS,
    *requests.MUTANTS,
    *service.MUTANTS,
    *reconcile.MUTANTS,
    *renderer.MUTANTS,
    *cloud.MUTANTS,
)
