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

# What `apply` runs where nothing stands yet, from the repository's root. Before each
# step it asks what the line “seen by” asks, and leaves out what stands.
# Generated files: out/deploy/my-app-1234/

# 1. APIs
#    What the other steps and the function call. Enabling costs nothing.
#    seen by: gcloud services list --enabled --project=my-app-1234 --format=json
gcloud services enable artifactregistry.googleapis.com billingbudgets.googleapis.com cloudbilling.googleapis.com cloudbuild.googleapis.com cloudquotas.googleapis.com cloudresourcemanager.googleapis.com cloudscheduler.googleapis.com cloudtasks.googleapis.com eventarc.googleapis.com eventarcpublishing.googleapis.com firebaserules.googleapis.com firebasestorage.googleapis.com firestore.googleapis.com iam.googleapis.com logging.googleapis.com monitoring.googleapis.com pubsub.googleapis.com run.googleapis.com storage.googleapis.com --project=my-app-1234

# Facts of the project
QUOTAS=$(gcloud beta quotas info list --service=run.googleapis.com --project=my-app-1234 --format=json)
PROJECT_NUMBER=$(gcloud projects describe my-app-1234 '--format=value(projectNumber)')
DATABASE_TYPE=$(gcloud firestore databases describe '--database=(default)' --project=my-app-1234 '--format=value(type)')
FIRESTORE_LOCATION=$(gcloud firestore databases describe '--database=(default)' --project=my-app-1234 '--format=value(locationId)')
EVENTARC_LOCATIONS=$(gcloud eventarc locations list --project=my-app-1234 '--format=value(locationId)')
BUCKET_LOCATION=$(gcloud storage buckets describe gs://my-app.appspot.com --project=my-app-1234 '--format=value(location)')
BILLING_ACCOUNT=$(gcloud billing projects describe my-app-1234 --billing-project=my-app-1234 '--format=value(billingAccountName)')

# 2. Service account idle-build
#    It builds the images.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-build '--display-name=Idle videos: builds the images' --project=my-app-1234

# 3. Service account idle-gate
#    It answers events and hands renders to the queue.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-gate '--display-name=Idle videos: answers events and hands renders to the queue' --project=my-app-1234

# 4. Service account idle-reconcile
#    It mends what events missed.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-reconcile '--display-name=Idle videos: mends what events missed' --project=my-app-1234

# 5. Service account idle-renderer
#    It renders.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-renderer '--display-name=Idle videos: renders' --project=my-app-1234

# 6. Service account idle-scheduler
#    It starts the reconcile job.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-scheduler '--display-name=Idle videos: starts the reconcile job' --project=my-app-1234

# 7. Service account idle-tasks
#    It carries the queue's tasks to the renderer.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-tasks '--display-name=Idle videos: carries the queue'"'"'s tasks to the renderer' --project=my-app-1234

# 8. Service account idle-trigger
#    It carries Firestore's events to the service.
#    seen by: gcloud iam service-accounts list --project=my-app-1234 --format=json
gcloud iam service-accounts create idle-trigger '--display-name=Idle videos: carries Firestore'"'"'s events to the service' --project=my-app-1234

# 9. Service agent of eventarc
#    Google's account that carries events. It has this role wherever the service is in use; a new project lacks the account itself for a while.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud beta services identity create --service=eventarc.googleapis.com --project=my-app-1234
again gcloud projects add-iam-policy-binding my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-eventarc.iam.gserviceaccount.com" --role=roles/eventarc.serviceAgent --condition=None

# 10. Service agent of cloudscheduler
#    Google's account that starts the job. It has this role wherever the service is in use; a new project lacks the account itself for a while.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud beta services identity create --service=cloudscheduler.googleapis.com --project=my-app-1234
again gcloud projects add-iam-policy-binding my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-cloudscheduler.iam.gserviceaccount.com" --role=roles/cloudscheduler.serviceAgent --condition=None

# 11. Service agent of cloudtasks
#    Google's account that signs the tasks' tokens. It has this role wherever the service is in use; a new project lacks the account itself for a while.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud beta services identity create --service=cloudtasks.googleapis.com --project=my-app-1234
again gcloud projects add-iam-policy-binding my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-cloudtasks.iam.gserviceaccount.com" --role=roles/cloudtasks.serviceAgent --condition=None

# 12. idle-gate may read and write documents
#    Of the database (default), in no other; no indexes, no rules.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud projects add-iam-policy-binding my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 13. idle-renderer may read and write documents
#    Of the database (default), in no other; no indexes, no rules.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud projects add-iam-policy-binding my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 14. idle-reconcile may read and write documents
#    Of the database (default), in no other; no indexes, no rules.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud projects add-iam-policy-binding my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/datastore.user '--condition=expression=resource.name=="projects/my-app-1234/databases/(default)",title=idle-database'

# 15. The bucket's rights are uniform
#    Only then can they be given on a folder instead of on the whole bucket.
#    seen by: gcloud storage buckets describe gs://my-app.appspot.com --project=my-app-1234 --format=json

# 16. Folder avatars/
#    A managed folder: it moves no object and bears the rights on all objects of this prefix.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
gcloud storage managed-folders create gs://my-app.appspot.com/avatars/ --project=my-app-1234

# 17. idle-gate may read and write objects of avatars/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/avatars/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 18. idle-renderer may read and write objects of avatars/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/avatars/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 19. idle-reconcile may read and write objects of avatars/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/avatars/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/avatars/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 20. Folder livePortraitCache/
#    A managed folder: it moves no object and bears the rights on all objects of this prefix.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
gcloud storage managed-folders create gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234

# 21. idle-gate may read and write objects of livePortraitCache/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 22. idle-renderer may read and write objects of livePortraitCache/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 23. idle-reconcile may read and write objects of livePortraitCache/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitCache/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 24. Folder livePortraitGenerations/
#    A managed folder: it moves no object and bears the rights on all objects of this prefix.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
gcloud storage managed-folders create gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234

# 25. idle-gate may read and write objects of livePortraitGenerations/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 26. idle-renderer may read and write objects of livePortraitGenerations/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 27. idle-reconcile may read and write objects of livePortraitGenerations/
#    Of this folder, no other object of the bucket; not who else may.
#    seen by: gcloud storage managed-folders list gs://my-app.appspot.com/ --project=my-app-1234 --format=json
#    seen by: gcloud storage managed-folders get-iam-policy gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --format=json
again gcloud storage managed-folders add-iam-policy-binding gs://my-app.appspot.com/livePortraitGenerations/ --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# 28. Artifact Registry repository idle
#    Holds the images, in the services' region, so that starting one crosses no region.
#    seen by: gcloud artifacts repositories list --location=europe-west4 --project=my-app-1234 --format=json
gcloud artifacts repositories create idle --repository-format=docker '--description=The images of the idle videos' --location=europe-west4 --project=my-app-1234

# 29. Clean-up of old images
#    A renderer's is some gigabytes: of each the last 5 stay, and what is younger than a month. A revision that serves has been started with its image; a roll-back further than that builds it again.
#    seen by: gcloud artifacts repositories list --location=europe-west4 --project=my-app-1234 --format=json
gcloud artifacts repositories set-cleanup-policies idle --policy=out/deploy/my-app-1234/clean-up.json --no-dry-run --location=europe-west4 --project=my-app-1234

# 30. Bucket my-app-1234-idle-build
#    The sources wait here for Cloud Build: code, never portraits.
#    seen by: gcloud storage buckets list --project=my-app-1234 --format=json
gcloud storage buckets create gs://my-app-1234-idle-build --location=europe-west4 --uniform-bucket-level-access --public-access-prevention --project=my-app-1234

# 31. The builder may push images
#    To this repository only.
#    seen by: gcloud artifacts repositories list --location=europe-west4 --project=my-app-1234 --format=json
#    seen by: gcloud artifacts repositories get-iam-policy idle --location=europe-west4 --project=my-app-1234 --format=json
again gcloud artifacts repositories add-iam-policy-binding idle --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-build@my-app-1234.iam.gserviceaccount.com --role=roles/artifactregistry.writer

# 32. The builder may read the sources
#    In the build bucket only.
#    seen by: gcloud storage buckets get-iam-policy gs://my-app-1234-idle-build --project=my-app-1234 --format=json
again gcloud storage buckets add-iam-policy-binding gs://my-app-1234-idle-build --project=my-app-1234 --member=serviceAccount:idle-build@my-app-1234.iam.gserviceaccount.com --role=roles/storage.objectViewer --condition=None

# 33. The builder may write its log
#    A build with an account of its own logs to Cloud Logging or nowhere.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud projects add-iam-policy-binding my-app-1234 --member=serviceAccount:idle-build@my-app-1234.iam.gserviceaccount.com --role=roles/logging.logWriter --condition=None

# 34. Image europe-west4-docker.pkg.dev/my-app-1234/idle/idle:0123456789abcdef
#    Built from this tree, with the weights in it; the tag is the digest of what goes in, so nothing is built twice.
#    seen by: gcloud artifacts docker images list europe-west4-docker.pkg.dev/my-app-1234/idle --include-tags --filter=package=europe-west4-docker.pkg.dev/my-app-1234/idle/idle --project=my-app-1234 --format=json
again gcloud builds submit . --config=out/deploy/my-app-1234/cloudbuild-idle.json --service-account=projects/my-app-1234/serviceAccounts/idle-build@my-app-1234.iam.gserviceaccount.com --gcs-source-staging-dir=gs://my-app-1234-idle-build/source --project=my-app-1234

# 35. Image europe-west4-docker.pkg.dev/my-app-1234/idle/gate:0123456789abcdef
#    For gate and reconcile: the clients of Google's services and no engine, so that it is there quickly when an event wakes it.
#    seen by: gcloud artifacts docker images list europe-west4-docker.pkg.dev/my-app-1234/idle --include-tags --filter=package=europe-west4-docker.pkg.dev/my-app-1234/idle/gate --project=my-app-1234 --format=json
again gcloud builds submit . --config=out/deploy/my-app-1234/cloudbuild-gate.json --service-account=projects/my-app-1234/serviceAccounts/idle-build@my-app-1234.iam.gserviceaccount.com --gcs-source-staging-dir=gs://my-app-1234-idle-build/source --project=my-app-1234

# 36. The renderer's service, without an instance
#    Before it takes a task the renderer reads who may call it, and a right to read that can only be given on a service that exists. Nothing is started here.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
again gcloud beta run deploy idle-renderer --image=europe-west4-docker.pkg.dev/my-app-1234/idle/idle:0123456789abcdef --service-account=idle-renderer@my-app-1234.iam.gserviceaccount.com --no-deploy-health-check --min-instances=0 --startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,failureThreshold=24 --liveness-probe=httpGet.path=/health,periodSeconds=30,timeoutSeconds=5,failureThreshold=3 --ingress=internal --no-allow-unauthenticated --invoker-iam-check --region=europe-west4 --project=my-app-1234

# 37. idle-renderer may read who may call it
#    It believes tokens whose signature Cloud Run has removed, so it does not get ready while Cloud Run lets others through. Of this service only.
#    seen by: gcloud run services get-iam-policy idle-renderer --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run services add-iam-policy-binding idle-renderer --region=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/run.viewer

# 38. Service idle-renderer
#    Renders what the queue hands over, one task an instance; it scales to zero. Zonal redundancy off: it costs more and has a quota of its own.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
again gcloud beta run deploy idle-renderer --image=europe-west4-docker.pkg.dev/my-app-1234/idle/idle:0123456789abcdef --service-account=idle-renderer@my-app-1234.iam.gserviceaccount.com "--set-env-vars=^|^GOOGLE_CLOUD_PROJECT=my-app-1234|LIVEPORTRAIT_BEHIND_IAM=projects/my-app-1234/locations/europe-west4/services/idle-renderer|LIVEPORTRAIT_BUCKET=my-app.appspot.com|LIVEPORTRAIT_COLLECTION=avatars|LIVEPORTRAIT_DEVICE=cuda|LIVEPORTRAIT_ENGINE=liveportrait|LIVEPORTRAIT_ENGINE_VERSION=liveportrait-3-0a1b2c3d|LIVEPORTRAIT_PRECISION=fp16|LIVEPORTRAIT_RENDERER_URL=https://idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app|LIVEPORTRAIT_ROLE=renderer|LIVEPORTRAIT_TASKS_QUEUE=projects/my-app-1234/locations/europe-west4/queues/idle-renders|LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT=idle-tasks@my-app-1234.iam.gserviceaccount.com|THREADS=4" --concurrency=1 --timeout=600 --cpu=4 --memory=16Gi --max-instances=3 --no-cpu-throttling --gpu=1 --gpu-type=nvidia-l4 --no-gpu-zonal-redundancy --deploy-health-check --no-traffic --tag=candidate --min-instances=0 --startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,failureThreshold=24 --liveness-probe=httpGet.path=/health,periodSeconds=30,timeoutSeconds=5,failureThreshold=3 --ingress=internal --no-allow-unauthenticated --invoker-iam-check --region=europe-west4 --project=my-app-1234 --labels=idle-plan=66796c1d560b

# 39. Queue idle-renders
#    Hands at most 3 at a time to the renderer, and tries again.
#    seen by: gcloud tasks queues list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues create idle-renders --max-concurrent-dispatches=3 --max-dispatches-per-second=15 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234
#    where it differs:
#    gcloud tasks queues update idle-renders --max-concurrent-dispatches=3 --max-dispatches-per-second=15 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234

# 40. Queue idle-repairs
#    What reconcile finds, and backfills, at most on a quarter of the renderers.
#    seen by: gcloud tasks queues list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues create idle-repairs --max-concurrent-dispatches=1 --max-dispatches-per-second=1 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234
#    where it differs:
#    gcloud tasks queues update idle-repairs --max-concurrent-dispatches=1 --max-dispatches-per-second=1 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234

# 41. Queue idle-debounce
#    Brings a save back to the gate when its debounce is over: no thread waits for it.
#    seen by: gcloud tasks queues list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues create idle-debounce --max-concurrent-dispatches=800 --max-dispatches-per-second=500 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234
#    where it differs:
#    gcloud tasks queues update idle-debounce --max-concurrent-dispatches=800 --max-dispatches-per-second=500 --max-attempts=100 --max-retry-duration=86400s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234

# 42. Queue idle-checks
#    Has a candidate render the golden avatar, called as tasks call, and whatever waits in the other queues.
#    seen by: gcloud tasks queues list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues create idle-checks --max-concurrent-dispatches=1 --max-dispatches-per-second=1 --max-attempts=3 --max-retry-duration=600s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234
#    where it differs:
#    gcloud tasks queues update idle-checks --max-concurrent-dispatches=1 --max-dispatches-per-second=1 --max-attempts=3 --max-retry-duration=600s --min-backoff=10s --max-backoff=300s --max-doublings=5 --location=europe-west4 --project=my-app-1234

# 43. The queues may call idle-renderer
#    The account that tasks bear, gate and renderer only: all that it can do.
#    seen by: gcloud run services get-iam-policy idle-renderer --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run services add-iam-policy-binding idle-renderer --region=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-tasks@my-app-1234.iam.gserviceaccount.com --role=roles/run.invoker

# 44. Candidate of idle-renderer
#    It is deployed with that tag. A revision that a person made, in the console, has none, and traffic goes to the newest.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
#    where it differs:
#    REVISION=$(gcloud run services describe idle-renderer --region=europe-west4 --project=my-app-1234 '--format=value(status.latestCreatedRevisionName)')
#    gcloud run services update-traffic idle-renderer "--update-tags=candidate=${REVISION}" --region=europe-west4 --project=my-app-1234

# 45. Traffic of idle-renderer
#    Moved once the candidate, called by the queue as a task would, has rendered a golden avatar as it should. Otherwise it stays, and so does the candidate, for its log.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
REVISION=$(again gcloud run services describe idle-renderer --region=europe-west4 --project=my-app-1234 '--format=value(status.latestCreatedRevisionName)')
CHECK=$(again gcloud tasks create-http-task --queue=idle-checks "--url=https://candidate---idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app/check" --method=POST --oidc-service-account-email=idle-tasks@my-app-1234.iam.gserviceaccount.com "--oidc-token-audience=https://idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app" --location=europe-west4 --project=my-app-1234 '--format=value(name)' | sed -nE 's|^.*/tasks/([A-Za-z0-9_-]+).*$|\1|p')
PASSED=$(again gcloud storage cat "gs://my-app.appspot.com/livePortraitCache/checks/${CHECK}.json" --project=my-app-1234 | sed -nE 's|^.*"passed": *(true).*$|\1|p'); : "${PASSED:?the candidate did not render the golden avatar as it should: gs://my-app.appspot.com/livePortraitCache/checks/${CHECK}.json says why. The traffic of idle-renderer stays where it is}"
again gcloud run services update-traffic idle-renderer "--to-revisions=${REVISION}=100" "--update-tags=current=${REVISION}" --region=europe-west4 --project=my-app-1234
#    where it differs:
#    REVISION=$(gcloud run services describe idle-renderer --region=europe-west4 --project=my-app-1234 '--format=value(status.latestCreatedRevisionName)')
#    SERVING=$(gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-renderer AND status.traffic.percent=100' '--format=value(status.traffic.revisionName)'); : "${SERVING:?the traffic of idle-renderer is split; accepted: one revision that has all of it, which is what a rollback goes back to (gcloud run services update-traffic)}"
#    CHECK=$(gcloud tasks create-http-task --queue=idle-checks "--url=https://candidate---idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app/check" --method=POST --oidc-service-account-email=idle-tasks@my-app-1234.iam.gserviceaccount.com "--oidc-token-audience=https://idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app" --location=europe-west4 --project=my-app-1234 '--format=value(name)' | sed -nE 's|^.*/tasks/([A-Za-z0-9_-]+).*$|\1|p')
#    PASSED=$(gcloud storage cat "gs://my-app.appspot.com/livePortraitCache/checks/${CHECK}.json" --project=my-app-1234 | sed -nE 's|^.*"passed": *(true).*$|\1|p'); : "${PASSED:?the candidate did not render the golden avatar as it should: gs://my-app.appspot.com/livePortraitCache/checks/${CHECK}.json says why. The traffic of idle-renderer stays where it is}"
#    gcloud run services update-traffic idle-renderer "--to-revisions=${REVISION}=100" "--update-tags=current=${REVISION},previous=${SERVING}" --region=europe-west4 --project=my-app-1234

# 46. Old revisions of idle-renderer
#    What serves and what served before stay, by their tags, and the newest other one. The rest is deleted, one after the other.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
#    seen by: gcloud run revisions list --service=idle-renderer --region=europe-west4 --project=my-app-1234 --format=json
#    where it differs:
#    gcloud run revisions delete "${SURPLUS}" --region=europe-west4 --project=my-app-1234 --quiet

# 47. Service idle-gate
#    Looks at every write to an avatar without waking a GPU; most writes end here.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run deploy idle-gate --image=europe-west4-docker.pkg.dev/my-app-1234/idle/gate:0123456789abcdef --service-account=idle-gate@my-app-1234.iam.gserviceaccount.com "--set-env-vars=^|^GOOGLE_CLOUD_PROJECT=my-app-1234|LIVEPORTRAIT_BUCKET=my-app.appspot.com|LIVEPORTRAIT_COLLECTION=avatars|LIVEPORTRAIT_DEBOUNCE_QUEUE=projects/my-app-1234/locations/europe-west4/queues/idle-debounce|LIVEPORTRAIT_ENGINE=liveportrait|LIVEPORTRAIT_ENGINE_VERSION=liveportrait-3-0a1b2c3d|LIVEPORTRAIT_GATE_URL=https://idle-gate-${PROJECT_NUMBER}.europe-west4.run.app|LIVEPORTRAIT_RENDERER_URL=https://idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app|LIVEPORTRAIT_ROLE=gate|LIVEPORTRAIT_TASKS_QUEUE=projects/my-app-1234/locations/europe-west4/queues/idle-renders|LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT=idle-tasks@my-app-1234.iam.gserviceaccount.com|THREADS=80" --concurrency=80 --timeout=600 --cpu=1 --memory=1Gi --max-instances=10 --cpu-throttling --cpu-boost --min-instances=0 --startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,failureThreshold=24 --liveness-probe=httpGet.path=/health,periodSeconds=30,timeoutSeconds=5,failureThreshold=3 --ingress=internal --no-allow-unauthenticated --invoker-iam-check --region=europe-west4 --project=my-app-1234 --labels=idle-plan=f035458e95c8

# 48. Traffic of idle-gate
#    It is pinned to one revision; the one that served before stays, for a rollback.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
REVISION=$(again gcloud run services describe idle-gate --region=europe-west4 --project=my-app-1234 '--format=value(status.latestCreatedRevisionName)')
again gcloud run services update-traffic idle-gate "--to-revisions=${REVISION}=100" "--update-tags=current=${REVISION}" --region=europe-west4 --project=my-app-1234
#    where it differs:
#    REVISION=$(gcloud run services describe idle-gate --region=europe-west4 --project=my-app-1234 '--format=value(status.latestCreatedRevisionName)')
#    SERVING=$(gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-gate AND status.traffic.percent=100' '--format=value(status.traffic.revisionName)'); : "${SERVING:?the traffic of idle-gate is split; accepted: one revision that has all of it, which is what a rollback goes back to (gcloud run services update-traffic)}"
#    gcloud run services update-traffic idle-gate "--to-revisions=${REVISION}=100" "--update-tags=current=${REVISION},previous=${SERVING}" --region=europe-west4 --project=my-app-1234

# 49. Old revisions of idle-gate
#    What serves and what served before stay, by their tags, and the newest other one. The rest is deleted, one after the other.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
#    seen by: gcloud run revisions list --service=idle-gate --region=europe-west4 --project=my-app-1234 --format=json
#    where it differs:
#    gcloud run revisions delete "${SURPLUS}" --region=europe-west4 --project=my-app-1234 --quiet

# 50. Job idle-reconcile
#    Finds and mends what events missed. Each of its tasks reads its own part of the avatars.
#    seen by: gcloud run jobs list --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run jobs deploy idle-reconcile --image=europe-west4-docker.pkg.dev/my-app-1234/idle/gate:0123456789abcdef --args=-m,functions.reconcile --tasks=1 --parallelism=1 --max-retries=1 --task-timeout=3600s --service-account=idle-reconcile@my-app-1234.iam.gserviceaccount.com "--set-env-vars=^|^GOOGLE_CLOUD_PROJECT=my-app-1234|LIVEPORTRAIT_BUCKET=my-app.appspot.com|LIVEPORTRAIT_COLLECTION=avatars|LIVEPORTRAIT_ENGINE=liveportrait|LIVEPORTRAIT_ENGINE_VERSION=liveportrait-3-0a1b2c3d|LIVEPORTRAIT_RENDERER_URL=https://idle-renderer-${PROJECT_NUMBER}.europe-west4.run.app|LIVEPORTRAIT_ROLE=gate|LIVEPORTRAIT_TASKS_QUEUE=projects/my-app-1234/locations/europe-west4/queues/idle-repairs|LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT=idle-tasks@my-app-1234.iam.gserviceaccount.com" --cpu=1 --memory=1Gi --region=europe-west4 --project=my-app-1234 --labels=idle-plan=7f694faf1ebd

# 51. Strangers may not call idle-gate
#    It believes what Cloud Run lets through. A new service is closed; only a person can have opened it. The invoker's check and the ingress are read back after the deployment.
#    seen by: gcloud run services get-iam-policy idle-gate --region=europe-west4 --project=my-app-1234 --format=json
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json

# 52. Strangers may not call idle-renderer
#    It believes what Cloud Run lets through. A new service is closed; only a person can have opened it. The invoker's check and the ingress are read back after the deployment.
#    seen by: gcloud run services get-iam-policy idle-renderer --region=europe-west4 --project=my-app-1234 --format=json
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json

# 53. The trigger may receive events
#    Eventarc asks it of the account that a trigger bears.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud projects add-iam-policy-binding my-app-1234 --member=serviceAccount:idle-trigger@my-app-1234.iam.gserviceaccount.com --role=roles/eventarc.eventReceiver --condition=None

# 54. The trigger may call idle-gate
#    This service and no other.
#    seen by: gcloud run services get-iam-policy idle-gate --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run services add-iam-policy-binding idle-gate --region=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-trigger@my-app-1234.iam.gserviceaccount.com --role=roles/run.invoker

# 55. The schedules may start idle-reconcile
#    This job and nothing else, and say by its arguments what it goes over.
#    seen by: gcloud run jobs get-iam-policy idle-reconcile --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run jobs add-iam-policy-binding idle-reconcile --region=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-scheduler@my-app-1234.iam.gserviceaccount.com --role=roles/run.jobsExecutorWithOverrides

# 56. Pub/Sub may sign as the trigger
#    The token of its pushes; only projects of before April 2021 lack it.
#    seen by: gcloud iam service-accounts get-iam-policy idle-trigger@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --format=json
again gcloud beta services identity create --service=pubsub.googleapis.com --project=my-app-1234
again gcloud iam service-accounts add-iam-policy-binding idle-trigger@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com" --role=roles/iam.serviceAccountTokenCreator --condition=None

# 57. idle-gate may leave tasks in idle-renders
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-renders --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-renders --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 58. idle-gate may leave tasks in idle-debounce
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-debounce --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-debounce --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 59. idle-gate may leave tasks in idle-repairs
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-repairs --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-repairs --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 60. idle-gate may let tasks bear idle-tasks
#    Cloud Tasks asks it of whoever makes a task with a token.
#    seen by: gcloud iam service-accounts get-iam-policy idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --format=json
again gcloud iam service-accounts add-iam-policy-binding idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --member=serviceAccount:idle-gate@my-app-1234.iam.gserviceaccount.com --role=roles/iam.serviceAccountUser --condition=None

# 61. idle-renderer may leave tasks in idle-renders
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-renders --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-renders --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 62. idle-renderer may leave tasks in idle-repairs
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-repairs --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-repairs --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 63. idle-renderer may let tasks bear idle-tasks
#    Cloud Tasks asks it of whoever makes a task with a token.
#    seen by: gcloud iam service-accounts get-iam-policy idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --format=json
again gcloud iam service-accounts add-iam-policy-binding idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --member=serviceAccount:idle-renderer@my-app-1234.iam.gserviceaccount.com --role=roles/iam.serviceAccountUser --condition=None

# 64. idle-reconcile may leave tasks in idle-repairs
#    In this queue; it may neither list nor delete what is in it.
#    seen by: gcloud tasks queues get-iam-policy idle-repairs --location=europe-west4 --project=my-app-1234 --format=json
again gcloud tasks queues add-iam-policy-binding idle-repairs --location=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/cloudtasks.enqueuer

# 65. idle-reconcile may let tasks bear idle-tasks
#    Cloud Tasks asks it of whoever makes a task with a token.
#    seen by: gcloud iam service-accounts get-iam-policy idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --format=json
again gcloud iam service-accounts add-iam-policy-binding idle-tasks@my-app-1234.iam.gserviceaccount.com --project=my-app-1234 --member=serviceAccount:idle-reconcile@my-app-1234.iam.gserviceaccount.com --role=roles/iam.serviceAccountUser --condition=None

# 66. The queues may call idle-gate
#    The account that tasks bear, gate and renderer only: all that it can do.
#    seen by: gcloud run services get-iam-policy idle-gate --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run services add-iam-policy-binding idle-gate --region=europe-west4 --project=my-app-1234 --member=serviceAccount:idle-tasks@my-app-1234.iam.gserviceaccount.com --role=roles/run.invoker

# 67. Bucket my-app.appspot.com is Firebase's
#    Storage's rules hold for buckets that are linked to Firebase, no others.
#    seen by: gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' https://firebasestorage.googleapis.com/v1beta/projects/my-app-1234/buckets

# 68. Storage's rules may read documents
#    They ask Firestore who owns an avatar; without this every upload is refused.
#    seen by: gcloud projects get-iam-policy my-app-1234 --format=json
again gcloud beta services identity create --service=firebasestorage.googleapis.com --project=my-app-1234
again gcloud projects add-iam-policy-binding my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-firebasestorage.iam.gserviceaccount.com" --role=roles/firebaserules.firestoreServiceAgent --condition=None

# 69. Rules of cloud.firestore
#    Clients own the inputs, the service owns the outputs; ledger, quota and caches are nobody's to read.
#    seen by: gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' 'https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases?pageSize=100'
#    seen by: gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' "https://firebaserules.googleapis.com/v1/${ITEM}"
RULESET=$(gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data @out/deploy/my-app-1234/firestore.rules.json https://firebaserules.googleapis.com/v1/projects/my-app-1234/rulesets | sed -nE 's|^.*"name": *"(projects/[^"]+/rulesets/[^"]+)".*$|\1|p')
gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data "{\"name\": \"projects/my-app-1234/releases/cloud.firestore\", \"rulesetName\": \"${RULESET}\"}" https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases
#    where it differs:
#    RULESET=$(gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data @out/deploy/my-app-1234/firestore.rules.json https://firebaserules.googleapis.com/v1/projects/my-app-1234/rulesets | sed -nE 's|^.*"name": *"(projects/[^"]+/rulesets/[^"]+)".*$|\1|p')
#    gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X PATCH -H 'Content-Type: application/json' --data "{\"release\": {\"name\": \"projects/my-app-1234/releases/cloud.firestore\", \"rulesetName\": \"${RULESET}\"}}" https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases/cloud.firestore

# 70. Rules of firebase.storage/my-app.appspot.com
#    Clients own the inputs, the service owns the outputs; ledger, quota and caches are nobody's to read.
#    seen by: gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' 'https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases?pageSize=100'
#    seen by: gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' "https://firebaserules.googleapis.com/v1/${ITEM}"
RULESET=$(gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data @out/deploy/my-app-1234/storage.rules.json https://firebaserules.googleapis.com/v1/projects/my-app-1234/rulesets | sed -nE 's|^.*"name": *"(projects/[^"]+/rulesets/[^"]+)".*$|\1|p')
gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data "{\"name\": \"projects/my-app-1234/releases/firebase.storage/my-app.appspot.com\", \"rulesetName\": \"${RULESET}\"}" https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases
#    where it differs:
#    RULESET=$(gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X POST -H 'Content-Type: application/json' --data @out/deploy/my-app-1234/storage.rules.json https://firebaserules.googleapis.com/v1/projects/my-app-1234/rulesets | sed -nE 's|^.*"name": *"(projects/[^"]+/rulesets/[^"]+)".*$|\1|p')
#    gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' | curl --fail-with-body --silent --show-error -H @- -H 'X-Goog-User-Project: my-app-1234' -X PATCH -H 'Content-Type: application/json' --data "{\"release\": {\"name\": \"projects/my-app-1234/releases/firebase.storage/my-app.appspot.com\", \"rulesetName\": \"${RULESET}\"}}" https://firebaserules.googleapis.com/v1/projects/my-app-1234/releases/firebase.storage/my-app.appspot.com

# 71. CORS of gs://my-app.appspot.com
#    Browsers may read videos and pictures by their URLs; apps on phones need none.
#    seen by: gcloud storage buckets describe gs://my-app.appspot.com --project=my-app-1234 --format=json
gcloud storage buckets update gs://my-app.appspot.com --cors-file=deploy/cors.json --project=my-app-1234

# 72. Lifecycle of gs://my-app.appspot.com
#    Caches hold how a person moves: what was kept a month ago goes, and what the HTTP API was sent after two days.
#    seen by: gcloud storage buckets describe gs://my-app.appspot.com --project=my-app-1234 --format=json
gcloud storage buckets update gs://my-app.appspot.com --lifecycle-file=deploy/lifecycle.json --project=my-app-1234

# 73. Expiry of livePortraitQuota
#    Firestore deletes these documents when their time is over: nothing else surely does.
#    seen by: gcloud firestore fields ttls list --collection-group=livePortraitQuota '--database=(default)' --project=my-app-1234 --format=json
gcloud firestore fields ttls update expireAt --collection-group=livePortraitQuota '--database=(default)' --project=my-app-1234 --enable-ttl --async

# 74. No index on livePortraitJobs.results
#    Nobody queries by it; indexing it would cost at every write.
#    seen by: gcloud firestore indexes fields list --collection-group=livePortraitJobs '--database=(default)' --project=my-app-1234 --format=json
gcloud firestore indexes fields update results --collection-group=livePortraitJobs '--database=(default)' --project=my-app-1234 --disable-indexes --async

# 75. Topic idle-dead-letters
#    Where an event ends that could not be answered again and again.
#    seen by: gcloud pubsub topics list --project=my-app-1234 --format=json
gcloud pubsub topics create idle-dead-letters --project=my-app-1234

# 76. Subscription idle-dead-letters
#    Without one, dead letters are gone; a person reads it, nothing is pushed.
#    seen by: gcloud pubsub subscriptions list --project=my-app-1234 --format=json
again gcloud pubsub subscriptions create idle-dead-letters --topic=idle-dead-letters --message-retention-duration=86400s --expiration-period=never --project=my-app-1234
#    where it differs:
#    gcloud pubsub subscriptions update idle-dead-letters --message-retention-duration=86400s --expiration-period=never --project=my-app-1234

# 77. Pub/Sub may put dead letters away
#    Its agent moves them, not the service.
#    seen by: gcloud pubsub topics get-iam-policy idle-dead-letters --project=my-app-1234 --format=json
again gcloud beta services identity create --service=pubsub.googleapis.com --project=my-app-1234
again gcloud pubsub topics add-iam-policy-binding idle-dead-letters --project=my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com" --role=roles/pubsub.publisher

# 78. Trigger idle-avatar-written
#    In the database's location, wherever the services are: elsewhere it never fires and says nothing. Fields cannot be filtered; the gate does that.
#    seen by: gcloud eventarc triggers list "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --format=json
again gcloud eventarc triggers create idle-avatar-written --destination-run-service=idle-gate --destination-run-region=europe-west4 --event-filters=type=google.cloud.firestore.document.v1.written '--event-filters=database=(default)' '--event-filters-path-pattern=document=avatars/{avatarId}' --event-data-content-type=application/protobuf --service-account=idle-trigger@my-app-1234.iam.gserviceaccount.com "--location=${FIRESTORE_LOCATION}" --project=my-app-1234
#    where it differs:
#    gcloud eventarc triggers delete idle-avatar-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --quiet
#    gcloud eventarc triggers create idle-avatar-written --destination-run-service=idle-gate --destination-run-region=europe-west4 --event-filters=type=google.cloud.firestore.document.v1.written '--event-filters=database=(default)' '--event-filters-path-pattern=document=avatars/{avatarId}' --event-data-content-type=application/protobuf --service-account=idle-trigger@my-app-1234.iam.gserviceaccount.com "--location=${FIRESTORE_LOCATION}" --project=my-app-1234

# 79. The subscription of the trigger
#    Ten minutes to answer instead of ten seconds; back-off; dead letters after 20 attempts.
TRIGGER_SUBSCRIPTION=$(gcloud eventarc triggers describe idle-avatar-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 '--format=value(transport.pubsub.subscription)')
#    seen by: gcloud pubsub subscriptions describe "${TRIGGER_SUBSCRIPTION}" --project=my-app-1234 --format=json
again gcloud pubsub subscriptions update "${TRIGGER_SUBSCRIPTION}" --project=my-app-1234 --ack-deadline=600 --dead-letter-topic=projects/my-app-1234/topics/idle-dead-letters --max-delivery-attempts=20 --min-retry-delay=10s --max-retry-delay=600s --message-retention-duration=86400s

# 80. Pub/Sub may take dead letters out of the trigger
#    Its agent acknowledges in the subscription what it moved to the dead letters.
#    seen by: gcloud pubsub subscriptions get-iam-policy "${TRIGGER_SUBSCRIPTION}" --project=my-app-1234 --format=json
again gcloud pubsub subscriptions add-iam-policy-binding "${TRIGGER_SUBSCRIPTION}" --project=my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com" --role=roles/pubsub.subscriber

# 81. Trigger idle-talk-written
#    In the database's location, wherever the services are: elsewhere it never fires and says nothing. Fields cannot be filtered; the gate does that.
#    seen by: gcloud eventarc triggers list "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --format=json
again gcloud eventarc triggers create idle-talk-written --destination-run-service=idle-gate --destination-run-region=europe-west4 --event-filters=type=google.cloud.firestore.document.v1.written '--event-filters=database=(default)' '--event-filters-path-pattern=document=avatars/{avatarId}/talks/{talkId}' --event-data-content-type=application/protobuf --service-account=idle-trigger@my-app-1234.iam.gserviceaccount.com "--location=${FIRESTORE_LOCATION}" --project=my-app-1234
#    where it differs:
#    gcloud eventarc triggers delete idle-talk-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 --quiet
#    gcloud eventarc triggers create idle-talk-written --destination-run-service=idle-gate --destination-run-region=europe-west4 --event-filters=type=google.cloud.firestore.document.v1.written '--event-filters=database=(default)' '--event-filters-path-pattern=document=avatars/{avatarId}/talks/{talkId}' --event-data-content-type=application/protobuf --service-account=idle-trigger@my-app-1234.iam.gserviceaccount.com "--location=${FIRESTORE_LOCATION}" --project=my-app-1234

# 82. The subscription of the talks' trigger
#    Ten minutes to answer instead of ten seconds; back-off; dead letters after 20 attempts.
TALK_SUBSCRIPTION=$(gcloud eventarc triggers describe idle-talk-written "--location=${FIRESTORE_LOCATION}" --project=my-app-1234 '--format=value(transport.pubsub.subscription)')
#    seen by: gcloud pubsub subscriptions describe "${TALK_SUBSCRIPTION}" --project=my-app-1234 --format=json
again gcloud pubsub subscriptions update "${TALK_SUBSCRIPTION}" --project=my-app-1234 --ack-deadline=600 --dead-letter-topic=projects/my-app-1234/topics/idle-dead-letters --max-delivery-attempts=20 --min-retry-delay=10s --max-retry-delay=600s --message-retention-duration=86400s

# 83. Pub/Sub may take dead letters out of the talks' trigger
#    Its agent acknowledges in the subscription what it moved to the dead letters.
#    seen by: gcloud pubsub subscriptions get-iam-policy "${TALK_SUBSCRIPTION}" --project=my-app-1234 --format=json
again gcloud pubsub subscriptions add-iam-policy-binding "${TALK_SUBSCRIPTION}" --project=my-app-1234 "--member=serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com" --role=roles/pubsub.subscriber

# 84. Schedule idle-reconcile
#    Starts the job at 17 3 * * * UTC, which goes over what was saved or asked for since the last night.
#    seen by: gcloud scheduler jobs list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud scheduler jobs create http idle-reconcile '--schedule=17 3 * * *' --time-zone=Etc/UTC --uri=https://run.googleapis.com/v2/projects/my-app-1234/locations/europe-west4/jobs/idle-reconcile:run --http-method=POST '--message-body={"overrides": {"containerOverrides": [{"args": ["-m", "functions.reconcile", "--recent"]}]}}' --oauth-service-account-email=idle-scheduler@my-app-1234.iam.gserviceaccount.com --attempt-deadline=180s --location=europe-west4 --project=my-app-1234 --headers=Content-Type=application/json
#    where it differs:
#    gcloud scheduler jobs update http idle-reconcile '--schedule=17 3 * * *' --time-zone=Etc/UTC --uri=https://run.googleapis.com/v2/projects/my-app-1234/locations/europe-west4/jobs/idle-reconcile:run --http-method=POST '--message-body={"overrides": {"containerOverrides": [{"args": ["-m", "functions.reconcile", "--recent"]}]}}' --oauth-service-account-email=idle-scheduler@my-app-1234.iam.gserviceaccount.com --attempt-deadline=180s --location=europe-west4 --project=my-app-1234 --update-headers=Content-Type=application/json

# 85. Schedule idle-reconcile-all
#    Starts the job at 17 5 * * 0 UTC, which goes over every avatar: what changed nothing that is indexed.
#    seen by: gcloud scheduler jobs list --location=europe-west4 --project=my-app-1234 --format=json
again gcloud scheduler jobs create http idle-reconcile-all '--schedule=17 5 * * 0' --time-zone=Etc/UTC --uri=https://run.googleapis.com/v2/projects/my-app-1234/locations/europe-west4/jobs/idle-reconcile:run --http-method=POST '--message-body={"overrides": {"containerOverrides": [{"args": ["-m", "functions.reconcile"]}]}}' --oauth-service-account-email=idle-scheduler@my-app-1234.iam.gserviceaccount.com --attempt-deadline=180s --location=europe-west4 --project=my-app-1234 --headers=Content-Type=application/json
#    where it differs:
#    gcloud scheduler jobs update http idle-reconcile-all '--schedule=17 5 * * 0' --time-zone=Etc/UTC --uri=https://run.googleapis.com/v2/projects/my-app-1234/locations/europe-west4/jobs/idle-reconcile:run --http-method=POST '--message-body={"overrides": {"containerOverrides": [{"args": ["-m", "functions.reconcile"]}]}}' --oauth-service-account-email=idle-scheduler@my-app-1234.iam.gserviceaccount.com --attempt-deadline=180s --location=europe-west4 --project=my-app-1234 --update-headers=Content-Type=application/json

# 86. Budget “idle videos my-app-1234”
#    50 a month in the account's currency. It warns and stops nothing. What stops is the queues' and the services' instances.
#    seen by: gcloud billing budgets list "--billing-account=${BILLING_ACCOUNT}" --billing-project=my-app-1234 --format=json
gcloud billing budgets create "--billing-account=${BILLING_ACCOUNT}" '--display-name=idle videos my-app-1234' --budget-amount=50 --threshold-rule=percent=0.5 --threshold-rule=percent=0.9 --threshold-rule=percent=1.0 --filter-projects=projects/my-app-1234 --calendar-period=month --billing-project=my-app-1234
#    where it differs:
#    ITEM=$(gcloud billing budgets list "--billing-account=${BILLING_ACCOUNT}" --billing-project=my-app-1234 '--filter=displayName="idle videos my-app-1234"' '--format=value(name)')
#    gcloud billing budgets update "${ITEM}" --budget-amount=50 --billing-project=my-app-1234

# 87. Notification channel on-call@example.com
#    Whom the alerts write to.
#    seen by: gcloud beta monitoring channels list --project=my-app-1234 --format=json
CHANNEL=$(gcloud beta monitoring channels create --type=email '--display-name=Idle videos: on-call@example.com' --channel-labels=email_address=on-call@example.com --project=my-app-1234 '--format=value(name)')

# 88. Metric idle-errors
#    Counted from the function's log, so that alerts need no collector.
#    seen by: gcloud logging metrics list --project=my-app-1234 --format=json
gcloud logging metrics create idle-errors --config-from-file=out/deploy/my-app-1234/metrics/idle-errors.json --project=my-app-1234
#    where it differs:
#    gcloud logging metrics update idle-errors --config-from-file=out/deploy/my-app-1234/metrics/idle-errors.json --project=my-app-1234

# 89. Alert “Idle: renders fail”
#    docs/run/operations.md tells what it means and what to do.
#    seen by: gcloud alpha monitoring policies list --project=my-app-1234 --format=json
again gcloud alpha monitoring policies create --policy-from-file=out/deploy/my-app-1234/policies/renders-fail.json "--notification-channels=${CHANNEL}" --project=my-app-1234
#    where it differs:
#    ITEM=$(gcloud alpha monitoring policies list --project=my-app-1234 '--filter=displayName="Idle: renders fail"' '--format=value(name)')
#    gcloud alpha monitoring policies update "${ITEM}" --policy-from-file=out/deploy/my-app-1234/policies/renders-fail.json "--set-notification-channels=${CHANNEL}" --project=my-app-1234

# 90. Dashboard “Idle videos”
#    One page for an overview.
#    seen by: gcloud monitoring dashboards list --project=my-app-1234 --format=json
gcloud monitoring dashboards create --config-from-file=out/deploy/my-app-1234/dashboards/idle.json --project=my-app-1234
#    where it differs:
#    ITEM=$(gcloud monitoring dashboards list --project=my-app-1234 '--filter=displayName="Idle videos"' '--format=value(name)')
#    gcloud monitoring dashboards delete "${ITEM}" --project=my-app-1234 --quiet
#    gcloud monitoring dashboards create --config-from-file=out/deploy/my-app-1234/dashboards/idle.json --project=my-app-1234
