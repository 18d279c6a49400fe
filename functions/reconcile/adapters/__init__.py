"""The adapters of reconcile: pages of documents and ledgers, checkpoints, the bucket.

They decide nothing.
"""

from functions.reconcile.adapters.avatars import FirestoreAvatars
from functions.reconcile.adapters.bucket import BucketLister
from functions.reconcile.adapters.checkpoints import CHECKPOINTS, FirestoreCheckpoints
from functions.reconcile.adapters.owner import FirestoreOwner
from functions.reconcile.adapters.requests import FirestoreRequests
from functions.reconcile.adapters.talks import FirestoreTalks

__all__ = [
    "CHECKPOINTS",
    "BucketLister",
    "FirestoreAvatars",
    "FirestoreCheckpoints",
    "FirestoreOwner",
    "FirestoreRequests",
    "FirestoreTalks",
]
