"""What a document, its ledger and its objects are called."""

from functions.domain.subject import Subject


def test_an_avatar_is_its_own_document_ledger_and_folder() -> None:
    avatar = Subject(avatar_id="ava")
    assert avatar.document == ("ava",)
    assert avatar.ledger == ("livePortraitJobs", "ava")
    assert avatar.output_folder == "avatars/ava/livePortrait/"
    assert avatar.attempt_folder("f00d", "claim") == "avatars/ava/livePortrait/f00d/claim/"
    assert str(avatar) == "ava"
