"""After an avatar's deletion: everything the pipeline made for it goes, the ledger last.

docs/contract.md, section 7. Holds a lease that no render takes over, and never recreates the
document.
"""

from uuid import uuid4

from functions import log
from functions.ports import Means
from functions.reference import cache_folder, output_folder
from functions.standing import Verdict
from functions.vigil import Heartbeat


def clean_up(means: Means, avatar_id: str) -> Verdict:
    """Delete results, caches and ledger.

    Returns:
        DONE, or MOVED: the document exists again, or BUSY: somebody else is cleaning up.

    Raises:
        LeaseLost: the lease ran out and another took over.
    """
    owner, rules, settings = str(uuid4()), means.transitions, means.settings
    begun = means.ledger.transact(avatar_id, lambda standing: rules.begin_clean_up(standing, owner))
    if begun.verdict is not Verdict.CLAIMED:
        return begun.verdict

    def renew() -> Verdict:
        return means.ledger.transact(
            avatar_id, lambda standing: rules.renew_clean_up(standing, owner)
        ).verdict

    with Heartbeat(renew, every_s=settings.heartbeat_s, lease_s=settings.lease_s) as heartbeat:
        for folder in (output_folder(avatar_id), cache_folder(avatar_id)):
            means.media.clear(folder)
            heartbeat.beat()
    ended = means.ledger.transact(avatar_id, lambda standing: rules.end_clean_up(standing, owner))
    log.info("cleaned up", verdict=ended.verdict.value)
    return Verdict.DONE
