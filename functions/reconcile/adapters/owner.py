"""The documents of one owner, to be erased."""

from collections.abc import Sequence

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath

from functions.cloud.database.documents import read, stream
from functions.cloud.database.quotas import QUOTA, quota_names
from functions.cloud.database.turns import turns_name
from functions.cloud.wire.values import decode
from functions.domain.document import OWNER
from functions.domain.subject import (
    TALK_LEDGERS,
    TALKS,
    Subject,
    is_talk_id,
    subject_of_talk_ledger,
)
from functions.reconcile.adapters.queries import chunks

_NAME = FieldPath.document_id()


class FirestoreOwner:
    """The documents by which an owner of avatars is known."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._avatars = client.collection(collection)
        self._quotas = client.collection(QUOTA)

    def avatars(self, owner: str) -> Sequence[str]:
        """Return the ids of the avatars whose document names this owner."""
        query = self._avatars.where(filter=FieldFilter(*OWNER, "==", owner)).select([_NAME])
        return [each.id for each in stream(self._client, query)]

    def delete_avatar(self, avatar_id: str, owner: str) -> bool:
        """Delete an avatar's document, while it names this owner; whether it did."""
        document = self._avatars.document(avatar_id)

        @firestore.transactional
        def run(transaction: firestore.Transaction) -> bool:
            (found,) = read(self._client, [document], OWNER, transaction=transaction)
            if not found.exists or decode(found.fields.get(*OWNER)) != owner:
                return False
            transaction.delete(document)
            return True

        return bool(run(self._client.transaction()))

    def talks(self, avatar_id: str) -> Sequence[Subject]:
        """Return the avatar's talks, those with a document and those with a ledger alone."""
        documents = self._avatars.document(avatar_id).collection(TALKS).select([_NAME])
        names = {each.id for each in stream(self._client, documents)}
        ledgers = self._client.collection(TALK_LEDGERS).order_by(_NAME)
        # Its ledgers' ids begin with its own and a colon; the character after that is a semicolon.
        ledgers = ledgers.start_at({_NAME: f"{avatar_id}:"}).end_before({_NAME: f"{avatar_id};"})
        found = (subject_of_talk_ledger(each.id) for each in stream(self._client, ledgers))
        names |= {each.talk_id for each in found if each.avatar_id == avatar_id}
        subjects = (Subject(avatar_id=avatar_id, talk_id=each) for each in sorted(names))
        return [each for each in subjects if is_talk_id(avatar_id, each.talk_id)]

    def quotas(self, owner: str, avatar_ids: Sequence[str]) -> Sequence[str]:
        """Return the names of the quotas that exist, of the owner and of these avatars."""
        names = {name for each in avatar_ids for name in quota_names(each, owner)}
        names |= {*quota_names("", owner)[1:], turns_name(owner)}
        found: list[str] = []
        for chunk in chunks(sorted(names)):
            documents = [self._quotas.document(each) for each in chunk]
            found += [each.id for each in read(self._client, documents, [_NAME]) if each.exists]
        return found

    def delete_quota(self, name: str) -> None:
        """Delete one quota."""
        self._quotas.document(name).delete()
