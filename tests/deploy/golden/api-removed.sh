#!/usr/bin/env bash
set -euo pipefail
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

# Run a command again while it fails because what was just made is not known everywhere.
again() {
  local tries said
  said=$(mktemp)
  for ((tries = 0; tries < 60; tries++)); do
    if "$@" 2>"$said"; then cat "$said" >&2; rm -f "$said"; return 0; fi
    cat "$said" >&2
    if grep -qiE 'quota|billing|organization policy|already exists|already_exists' "$said"; then break; fi
    if ! grep -qiE 'has not been used in project|wait a few minutes|concurrent policy changes|temporarily unavailable|does not exist|not found|matched no objects|service agent|propagat' "$said"; then break; fi
    sleep "${PAUSE_S:-10}"
  done
  rm -f "$said"
  return 1
}

# What `remove` runs where everything stands, from the repository's root.

# Facts of the project
QUOTAS=$(gcloud beta quotas info list --service=run.googleapis.com --project=my-app-1234 --format=json)
PROJECT_NUMBER=$(gcloud projects describe my-app-1234 '--format=value(projectNumber)')
DATABASE_TYPE=$(gcloud firestore databases describe '--database=(default)' --project=my-app-1234 '--format=value(type)')
FIRESTORE_LOCATION=$(gcloud firestore databases describe '--database=(default)' --project=my-app-1234 '--format=value(locationId)')
EVENTARC_LOCATIONS=$(gcloud eventarc locations list --project=my-app-1234 '--format=value(locationId)')
BUCKET_LOCATION=$(gcloud storage buckets describe gs://my-app.appspot.com --project=my-app-1234 '--format=value(location)')
BILLING_ACCOUNT=$(gcloud billing projects describe my-app-1234 --billing-project=my-app-1234 '--format=value(billingAccountName)')
API_KEYS_VERSION=$(gcloud secrets versions list idle-api-keys --filter=state=ENABLED '--sort-by=~createTime' --limit=1 --project=my-app-1234 '--format=value(name.basename())')

# 1. Dashboard “Idle videos”
ITEM=$(gcloud monitoring dashboards list --project=my-app-1234 '--filter=displayName="Idle videos"' '--format=value(name)')
gcloud monitoring dashboards delete "${ITEM}" --project=my-app-1234 --quiet

# 2. Alert “Idle: renders fail”
ITEM=$(gcloud alpha monitoring policies list --project=my-app-1234 '--filter=displayName="Idle: renders fail"' '--format=value(name)')
gcloud alpha monitoring policies delete "${ITEM}" --project=my-app-1234 --quiet

# 3. Metric idle-errors
gcloud logging metrics delete idle-errors --project=my-app-1234 --quiet

# 4. Notification channel on-call@example.com
CHANNEL=$(gcloud beta monitoring channels list --project=my-app-1234 '--filter=displayName="Idle videos: on-call@example.com"' '--format=value(name)')
gcloud beta monitoring channels delete "${CHANNEL}" --project=my-app-1234 --force --quiet

# 5. Budget “idle videos my-app-1234”
ITEM=$(gcloud billing budgets list "--billing-account=${BILLING_ACCOUNT}" --billing-project=my-app-1234 '--filter=displayName="idle videos my-app-1234"' '--format=value(name)')
gcloud billing budgets delete "${ITEM}" --billing-project=my-app-1234 --quiet

# 6. Schedule idle-reconcile-all
gcloud scheduler jobs delete idle-reconcile-all --location=europe-west4 --project=my-app-1234 --quiet

# 7. Schedule idle-reconcile
gcloud scheduler jobs delete idle-reconcile --location=europe-west4 --project=my-app-1234 --quiet

# 8. Trigger idle-talk-written
gcloud eventarc triggers delete idle-talk-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --quiet

# 9. Trigger idle-avatar-written
gcloud eventarc triggers delete idle-avatar-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --quiet

# 10. Subscription idle-dead-letters
gcloud pubsub subscriptions delete idle-dead-letters --project=my-app-1234 --quiet

# 11. Topic idle-dead-letters
gcloud pubsub topics delete idle-dead-letters --project=my-app-1234 --quiet

# Left: livePortraitJobs.results stays without an index, as the documents left behind are

# Left: livePortraitQuota go on expiring, so that those left behind go too

# Left: caches that are left behind go too

# Left: CORS stays: it opens nothing that a URL's token does not open

# Left: the rules stay in force: without any, nobody could read or write

# Left: the rules stay in force: without any, nobody could read or write

# Left: Storage's rules may go on reading documents, since they stay in force

# 12. Service idle-api
gcloud run services delete idle-api --region=europe-west4 --project=my-app-1234 --quiet

# 13. idle-api may read idle-api-keys
gcloud secrets remove-iam-policy-binding idle-api-keys --project=my-app-1234 --member=serviceAccount:idle-api@my-app-1234.iam.gserviceaccount.com --role=roles/secretmanager.secretAccessor

# 14. idle-api may read and write objects of livePortraitGenerations/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-api@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 15. idle-api may read and write documents
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-api@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 16. The trigger may receive events
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-trigger@my-app-1234.iam.gserviceaccount.com --role=roles/eventarc.eventReceiver --condition=None

# 17. Job idle-reconcile
gcloud run jobs delete idle-reconcile --region=europe-west4 --project=my-app-1234 --quiet

# 18. Service idle-gate
gcloud run services delete idle-gate --region=europe-west4 --project=my-app-1234 --quiet

# Left: Cloud Tasks refuses a deleted queue's name (idle-checks) for some days: an apply after a remove may have to wait

# 19. Queue idle-checks
gcloud tasks queues delete idle-checks --location=europe-west4 --project=my-app-1234 --quiet

# Left: Cloud Tasks refuses a deleted queue's name (idle-debounce) for some days: an apply after a remove may have to wait

# 20. Queue idle-debounce
gcloud tasks queues delete idle-debounce --location=europe-west4 --project=my-app-1234 --quiet

# Left: Cloud Tasks refuses a deleted queue's name (idle-repairs) for some days: an apply after a remove may have to wait

# 21. Queue idle-repairs
gcloud tasks queues delete idle-repairs --location=europe-west4 --project=my-app-1234 --quiet

# Left: Cloud Tasks refuses a deleted queue's name (idle-renders) for some days: an apply after a remove may have to wait

# 22. Queue idle-renders
gcloud tasks queues delete idle-renders --location=europe-west4 --project=my-app-1234 --quiet

# 23. Service idle-renderer
gcloud run services delete idle-renderer --region=europe-west4 --project=my-app-1234 --quiet

# 24. The builder may write its log
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-build@my-app-1234.iam.gserviceaccount.com --role=roles/logging.logWriter --condition=None

# 25. The builder may push images
gcloud artifacts repositories remove-iam-policy-binding idle --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-build@my-app-1234.iam.gserviceaccount.com --role=roles/artifactregistry.writer

# 26. Bucket my-app-1234-idle-build
gcloud storage rm --recursive gs://my-app-1234-idle-build --project=my-app-1234 --quiet

# Left: Artifact Registry repository idle; --with-images removes it

# 27. idle-reconcile may read and write objects of livePortraitGenerations/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 28. idle-renderer may read and write objects of livePortraitGenerations/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 29. idle-gate may read and write objects of livePortraitGenerations/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# Left: the managed folder livePortraitGenerations/ stays, for it holds the objects

# 30. idle-reconcile may read and write objects of livePortraitCache/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 31. idle-renderer may read and write objects of livePortraitCache/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 32. idle-gate may read and write objects of livePortraitCache/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# Left: the managed folder livePortraitCache/ stays, for it holds the objects

# 33. idle-reconcile may read and write objects of avatars/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 34. idle-renderer may read and write objects of avatars/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 35. idle-gate may read and write objects of avatars/
gcloud storage managed-folders remove-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# Left: the managed folder avatars/ stays, for it holds the objects

# 36. idle-reconcile may read and write documents
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 37. idle-renderer may read and write documents
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 38. idle-gate may read and write documents
gcloud projects remove-iam-policy-binding my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# Left: Google's agent of cloudtasks keeps its role: it is the project's, not ours

# Left: Google's agent of cloudscheduler keeps its role: it is the project's, not ours

# Left: Google's agent of eventarc keeps its role: it is the project's, not ours

# 39. Service account idle-trigger
gcloud iam service-accounts delete idle-trigger@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 40. Service account idle-tasks
gcloud iam service-accounts delete idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 41. Service account idle-scheduler
gcloud iam service-accounts delete idle-scheduler@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 42. Service account idle-renderer
gcloud iam service-accounts delete idle-renderer@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 43. Service account idle-reconcile
gcloud iam service-accounts delete idle-reconcile@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 44. Service account idle-gate
gcloud iam service-accounts delete idle-gate@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 45. Service account idle-build
gcloud iam service-accounts delete idle-build@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# 46. Service account idle-api
gcloud iam service-accounts delete idle-api@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --quiet

# Left: the APIs stay enabled: other parts of the project may use them
