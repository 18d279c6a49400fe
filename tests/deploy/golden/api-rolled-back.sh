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

# What `rollback` runs where something served before. Before each step it asks what the
# line “seen by” asks, and leaves out what stands.

# 1. Traffic of idle-renderer, back
#    The revision has its own image, engine and settings. Both tags are its own then, so a second rollback changes nothing, and the next deployment goes forwards again.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
PREVIOUS=$(again gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-renderer AND status.traffic.tag=previous' '--format=value(status.traffic.revisionName)'); : "${PREVIOUS:?no earlier revision of idle-renderer has the tag previous: nothing served before, or a version of this program deployed it that set no tags. Deploy the older commit instead, or take the others back alone (--only idle-gate --only idle-api)}"
again gcloud run services update-traffic idle-renderer "--to-revisions=${PREVIOUS}=100" "--update-tags=current=${PREVIOUS}" --region=europe-west4 --project=my-app-1234

# 2. Traffic of idle-gate, back
#    The revision has its own image, engine and settings. Both tags are its own then, so a second rollback changes nothing, and the next deployment goes forwards again.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
PREVIOUS=$(again gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-gate AND status.traffic.tag=previous' '--format=value(status.traffic.revisionName)'); : "${PREVIOUS:?no earlier revision of idle-gate has the tag previous: nothing served before, or a version of this program deployed it that set no tags. Deploy the older commit instead, or take the others back alone (--only idle-renderer --only idle-api)}"
again gcloud run services update-traffic idle-gate "--to-revisions=${PREVIOUS}=100" "--update-tags=current=${PREVIOUS}" --region=europe-west4 --project=my-app-1234

# 3. Traffic of idle-api, back
#    The revision has its own image, engine and settings. Both tags are its own then, so a second rollback changes nothing, and the next deployment goes forwards again.
#    seen by: gcloud run services list --region=europe-west4 --project=my-app-1234 --format=json
PREVIOUS=$(again gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-api AND status.traffic.tag=previous' '--format=value(status.traffic.revisionName)'); : "${PREVIOUS:?no earlier revision of idle-api has the tag previous: nothing served before, its keys were others then, or a version of this program deployed it that set no tags. Deploy the older commit instead, or take the others back alone (--only idle-renderer --only idle-gate)}"
again gcloud run services update-traffic idle-api "--to-revisions=${PREVIOUS}=100" "--update-tags=current=${PREVIOUS}" --region=europe-west4 --project=my-app-1234

# 4. Job idle-reconcile, back
#    It names what is missing as the services do. Its label says that it is no plan's, so the next deployment makes it anew.
PREVIOUS=$(gcloud run services list --region=europe-west4 --project=my-app-1234 '--flatten=status.traffic[]' '--filter=metadata.name=idle-gate AND status.traffic.tag=previous' '--format=value(status.traffic.revisionName)'); : "${PREVIOUS:?no earlier revision of idle-gate has the tag previous: nothing served before, or a version of this program deployed it that set no tags. Deploy the older commit instead, or take the others back alone (--only idle-renderer --only idle-api)}"
IMAGE=$(gcloud run revisions describe "${PREVIOUS}" --region=europe-west4 --project=my-app-1234 '--format=value(spec.containers[0].image)')
ENGINE_VERSION=$(gcloud run revisions list --service=idle-gate --region=europe-west4 --project=my-app-1234 '--flatten=spec.containers[].env[]' "--filter=metadata.name=${PREVIOUS} AND spec.containers.env.name=LIVEPORTRAIT_ENGINE_VERSION" '--format=value(spec.containers.env.value)'); : "${ENGINE_VERSION:?${PREVIOUS} was told no LIVEPORTRAIT_ENGINE_VERSION: an earlier version of this program deployed it. Deploy the older commit instead}"
#    seen by: gcloud run jobs list --region=europe-west4 --project=my-app-1234 --format=json
again gcloud run jobs update idle-reconcile "--image=${IMAGE}" "--update-env-vars=LIVEPORTRAIT_ENGINE_VERSION=${ENGINE_VERSION}" --update-labels=idle-plan=rolled-back --region=europe-west4 --project=my-app-1234
