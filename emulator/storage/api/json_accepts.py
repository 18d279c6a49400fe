"""What each call of the JSON API accepts; every other parameter is refused.

`projection` chooses whether access controls are told; there are none to tell.
"""

from emulator.storage.http.recognition import known

_COMMON = "alt=json fields projection=full|noAcl"
_CONDITIONS = (
    "ifGenerationMatch ifGenerationNotMatch ifMetagenerationMatch ifMetagenerationNotMatch"
)
_SOURCE_CONDITIONS = (
    "ifSourceGenerationMatch ifSourceGenerationNotMatch "
    "ifSourceMetagenerationMatch ifSourceMetagenerationNotMatch"
)
# Access controls are not evaluated; one that opens something to all would be dropped.
_CLOSED = "private|projectPrivate|bucketOwnerRead|bucketOwnerFullControl"
_ACL = f"predefinedAcl={_CLOSED}"
_DESTINATION_ACL = f"destinationPredefinedAcl={_CLOSED}"
_BUCKET_ACL = f"{_ACL} predefinedDefaultObjectAcl={_CLOSED}"
_BUCKET_CONDITIONS = "ifMetagenerationMatch ifMetagenerationNotMatch"

LIST = known(
    f"{_COMMON} prefix delimiter startOffset endOffset pageToken maxResults softDeleted=false "
    "includeFoldersAsPrefixes=true|false includeTrailingDelimiter=true|false matchGlob "
    "versions=true|false"  # there is one version of each object, and no folder
)
GET = known(
    f"alt=json|media fields projection=full|noAcl generation {_CONDITIONS} softDeleted=false"
)
UPDATE = known(f"{_COMMON} generation {_CONDITIONS} overrideUnlockedRetention=false {_ACL}")
# Node's deleteFiles sends the query of its listing with each deletion.
DELETE = known(f"{_COMMON} generation {_CONDITIONS} prefix delimiter")
INSERT = known(
    f"{_COMMON} name contentEncoding uploadType upload_id {_CONDITIONS} {_ACL}", headers="hash"
)
COPY = known(f"{_COMMON} {_DESTINATION_ACL} sourceGeneration {_CONDITIONS} {_SOURCE_CONDITIONS}")
REWRITE = known(
    f"{_COMMON} {_DESTINATION_ACL} sourceGeneration maxBytesRewrittenPerCall {_CONDITIONS} "
    f"{_SOURCE_CONDITIONS}"
)
COMPOSE = known(f"{_COMMON} {_DESTINATION_ACL} ifGenerationMatch ifMetagenerationMatch")
MOVE = known(f"{_COMMON} {_CONDITIONS} {_SOURCE_CONDITIONS}")
LIST_BUCKETS = known(f"{_COMMON} project prefix maxResults pageToken softDeleted=false")
INSERT_BUCKET = known(f"{_COMMON} project enableObjectRetention=false {_BUCKET_ACL}")
UPDATE_BUCKET = known(f"{_COMMON} {_BUCKET_CONDITIONS} {_BUCKET_ACL}")
LAYOUT = known("alt=json fields prefix")
GET_BUCKET = known(f"{_COMMON} {_BUCKET_CONDITIONS} softDeleted=false")
DELETE_BUCKET = known(f"{_COMMON} {_BUCKET_CONDITIONS}")
