# The commands; `make help` lists them. Everything runs in .venv, which the first command makes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
PIP_ARGS ?=
STAMP := $(VENV)/.installed
UNAVAILABLE := echo "make needs Python 3.11 or 3.12 (mediapipe 0.10.21, the last with its models in the wheel, has no newer wheels). Neither was found on the PATH as python3.11, python3.12 or python3, and no uv that could bring one. Install one of them (Debian: apt install python3.11-venv) or uv (pip install uv), then type the same command again." >&2; exit 2
export PYTHONUNBUFFERED = 1

.PHONY: studio test-studio test-refiner help install weights lock bill format lint types layers check test test-gpu test-weights test-browser test-clients test-firebase firebase-codebase conformance-official parity mutants scenarios emulator serve demo render bench bench-gpu api deploy rollback undeploy deploy-check image-check clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 29

$(STAMP): requirements.txt locks/packages.txt locks/dev.txt pyproject.toml
	@set -e; for candidate in python3.11 python3.12 python3; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -x $(PY) ]; then echo "Bringing $(VENV) up to date"; \
	elif [ -n "$$python" ]; then echo "Setting up $(VENV) with $$($$python --version) (once; 2 to 5 GB, see README)"; $$python -m venv $(VENV); \
	elif command -v uv >/dev/null; then echo "Setting up $(VENV) with uv's Python 3.11 (once; 2 to 5 GB, see README)"; uv venv --quiet --seed --python 3.11 $(VENV); \
	else $(UNAVAILABLE); fi
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --require-hashes --no-deps --only-binary :all: -r locks/packages.txt -r locks/dev.txt
	@# Without hashes, alone of all: which build of torch there is, and with it its hash, the index decides.
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --only-binary :all: --constraint requirements.txt torch
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP) ## make the environment (.venv)

weights: $(STAMP) ## fetch LivePortrait's weights (637 MB, MIT); WEIGHTS_ARGS= as in `python -m liveportrait_core weights fetch --help`
	@$(PY) -m liveportrait_core weights fetch $(WEIGHTS_ARGS)

UV := uv==0.13.8

lock: $(STAMP) ## resolve requirements anew into locks/, with hashes (installs uv into out/uv); LOCK_ARGS=--renew for newer versions of what no requirement pins
	@[ -x out/uv/bin/uv ] || $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --target out/uv $(UV)
	@$(PY) -m supply lock --uv out/uv/bin/uv $(LOCK_ARGS)

bill: $(STAMP) ## the images' bills of materials (CycloneDX) and the licences of all that is in it, into out/supply/
	@$(PY) -m supply bill

format: $(STAMP) ## put the code into its form (ruff)
	@$(VENV)/bin/ruff check --quiet --fix . ; $(VENV)/bin/ruff format .

lint: $(STAMP) ## ruff: rules and form
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check --quiet .

types: $(STAMP) ## mypy, strict
	@$(VENV)/bin/mypy

layers: $(STAMP) ## the import contract
	@$(VENV)/bin/lint-imports

check: lint types layers ## all three

# In the order of files: else those with few and long tests come last, when only one process is left with work.
test: $(STAMP) ## every test but those marked gpu, weights, soak, scenarios, browser, official, gcloud, clients, firebase, studio or refiner
	@$(PY) -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not gpu and not weights and not soak and not scenarios and not browser and not official and not gcloud and not clients and not firebase and not studio and not refiner" $(PYTEST_ARGS)

test-gpu: $(STAMP) ## the tests that need a CUDA device
	@$(PY) -m pytest -q -m gpu $(PYTEST_ARGS)

test-weights: $(STAMP) ## the tests that need the downloaded weights
	@$(PY) -m pytest -q -m weights $(PYTEST_ARGS)

test-soak: $(STAMP) ## the tests that take minutes
	@$(PY) -m pytest -q -m soak $(PYTEST_ARGS)

NPM_PACKAGES := firebase@12 firebase-admin@13

test-browser: $(STAMP) ## npm's Firebase SDKs against the emulator, in Node and Chromium (installs the SDKs into out/browser)
	@if command -v npm >/dev/null; then \
	  [ -d out/browser/node_modules/firebase-admin ] || { mkdir -p out/browser && npm install --silent --no-audit --no-fund --prefix out/browser $(NPM_PACKAGES); }; \
	else echo "no npm on the PATH (Debian's package npm): the tests will be skipped"; fi
	@$(PY) -m pytest -q -rs -m browser $(PYTEST_ARGS)

CLIENTS := gcsfs==2026.10.1 gcloud-aio-storage==9.6.5

test-clients: $(STAMP) ## other clients of Storage against the emulator (installs gcsfs, gcloud-aio and Node's into out/clients; gcloud where found)
	@[ -d out/clients/python/gcsfs ] || $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-warn-conflicts --target out/clients/python $(CLIENTS)
	@if command -v npm >/dev/null; then \
	  [ -d out/clients/node_modules/@google-cloud ] || npm install --silent --no-audit --no-fund --prefix out/clients @google-cloud/storage@7; \
	else echo "no npm on the PATH (Debian's package npm): Node's client will be skipped"; fi
	@$(PY) -m pytest -q -rs -m clients $(PYTEST_ARGS)

test-firebase: $(STAMP) ## the gate as Firebase functions, under functions-framework (installs firebase_functions into out/firebase)
	@[ -d out/firebase/firebase_functions ] || $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps --target out/firebase -r requirements-firebase.txt
	@PYTHONPATH=out/firebase $(PY) -m pytest -q -rs -m firebase $(PYTEST_ARGS)

# torchvision, which spandrel imports, loads beside a torch of the same build alone, and an index may serve both builds of torch
# and one of torchvision. So the two come together here, one release newer than .venv's torch; all else is .venv's.
REFINER_STAMP := out/refiner/.installed
REFINER_TORCH := torch==2.14.1
REFINER := torchvision==0.29.1 spandrel==0.4.2 einops==0.8.2
SITE := import sysconfig; print(sysconfig.get_paths()["purelib"])

$(REFINER_STAMP): $(STAMP)
	@echo "Setting up out/refiner (once; 1 to 6 GB)"; $(PY) -m venv --clear out/refiner
	@out/refiner/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --only-binary :all: $(REFINER_TORCH)
	@out/refiner/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --only-binary :all: --no-deps $(REFINER)
	@$(PY) -c '$(SITE)' > "$$(out/refiner/bin/python -c '$(SITE)')/venv.pth"
	@touch $@

test-refiner: $(REFINER_STAMP) ## GFPGAN as a refiner, on random weights, in an environment of its own with spandrel (out/refiner, 1 to 6 GB)
	@out/refiner/bin/python -m pytest -q -rs tests/core/lipsync/test_gfpgan.py $(PYTEST_ARGS)

conformance-official: $(STAMP) ## the table of docs/use/emulator.md, and the rules, by Google's own Firestore emulator, where its jar is found
	@$(PY) -m pytest -q -rs -m official $(PYTEST_ARGS)

parity: $(STAMP) ## the networks against the golden vectors, one line a check; GOLDEN=folder PREFIX=seed prefix for another set
	@$(PY) -m tests.parity $(if $(GOLDEN),--golden '$(GOLDEN)') --prefix '$(PREFIX)'

mutants: $(STAMP) ## plant faults one at a time; a test must catch each (about 8 minutes on two cores); MUTANTS='name …', MUTANTS_ARGS='--list' or '--jobs 2'
	@$(PY) -m tests.mutants $(MUTANTS) $(MUTANTS_ARGS)

# networks: parameters, GFLOP, milliseconds and memory of each; ratios: OpenVINO against torch; render: stages with shares; cloud: the emulator's rates and latencies beside Google's.
BENCH ?= networks

bench: $(STAMP) ## measure what is here: BENCH=networks|ratios|render|footprint|mesh|throughput|talk|cloud|events|scale|reconcile (BENCH_ARGS=--quick for the networks in a minute, '--weights DIR' for LivePortrait)
	@$(PY) -m benchmarks $(BENCH) $(BENCH_ARGS)

bench-gpu: $(STAMP) ## networks and renders on a CUDA device (BENCH_ARGS='--weights DIR'); without one, reduced on the CPU
	@$(PY) -m benchmarks gpu $(BENCH_ARGS)

# usual (inline, and with tasks what is marked `queue`) | inline | tasks | both
DISPATCH ?= usual

scenarios: $(STAMP) ## all acceptance scenarios of docs/understand/contract.md, and nothing else, over real wires; DISPATCH=usual|inline|tasks|both
	@$(PY) -m pytest -v -m "not soak" --backend $(BACKEND) --dispatch $(DISPATCH) tests/end_to_end $(PYTEST_ARGS)

# Where the emulator listens (0.0.0.0: for phones too), and how URLs of results name its Storage (http://host:port).
LISTEN ?= 127.0.0.1
STORAGE_PUBLIC_URL ?=
FIRESTORE_PORT ?= 8080
STORAGE_PORT ?= 9199
TASKS_PORT ?= 8123
CONTROL_PORT ?= 4400
# embedded | jar (Google's Firestore emulator, where its jar is found) | suite (a running `firebase emulators:start`)
BACKEND ?= embedded
FUNCTION_PORT ?= 8088
PROJECT ?= demo-avatar
BUCKET ?= $(PROJECT).appspot.com
# auto | mesh | liveportrait. auto takes LivePortrait when its weights are complete, else the mesh preview.
ENGINE ?= auto

emulator: $(STAMP) ## the emulated cloud alone, on the usual ports (FIRESTORE_PORT=, STORAGE_PORT=, …; LISTEN=0.0.0.0 for phones)
	@$(PY) -m emulator --host $(LISTEN) --firestore-port $(FIRESTORE_PORT) --storage-port $(STORAGE_PORT) --tasks-port $(TASKS_PORT) --control-port $(CONTROL_PORT) \
	  --backend $(BACKEND) --project $(PROJECT) --bucket $(BUCKET) --function http://127.0.0.1:$(FUNCTION_PORT)

# all | gate | renderer. The gate answers events on FUNCTION_PORT and leaves renders to the queue, which calls the renderer on RENDERER_PORT.
ROLE ?= all
RENDERER_PORT ?= 8089
# A gate of the liveportrait engine must be told the renderer's: fp32 | fp16 | bf16 | mixed.
PRECISION ?= auto
TWO_ROLES = LIVEPORTRAIT_RENDERER_URL=http://127.0.0.1:$(RENDERER_PORT) LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT=idle-tasks@$(PROJECT).iam.gserviceaccount.com \
  LIVEPORTRAIT_TASKS_QUEUE=projects/$(PROJECT)/locations/local/queues/idle-renders \
  LIVEPORTRAIT_DEBOUNCE_QUEUE=projects/$(PROJECT)/locations/local/queues/idle-debounce LIVEPORTRAIT_GATE_URL=http://127.0.0.1:$(FUNCTION_PORT)

serve: $(STAMP) ## the function, against a running `make emulator`; ROLE=gate and ROLE=renderer for the two halves of it; STORAGE_PUBLIC_URL=http://host:9199 for phones
	@GOOGLE_CLOUD_PROJECT=$(PROJECT) FIRESTORE_EMULATOR_HOST=127.0.0.1:$(FIRESTORE_PORT) STORAGE_EMULATOR_HOST=http://127.0.0.1:$(STORAGE_PORT) \
	  FIREBASE_STORAGE_EMULATOR_HOST=127.0.0.1:$(STORAGE_PORT) CLOUD_TASKS_EMULATOR_HOST=127.0.0.1:$(TASKS_PORT) \
	  LIVEPORTRAIT_ROLE=$(ROLE) $(if $(filter all,$(ROLE)),,$(TWO_ROLES)) LIVEPORTRAIT_PRECISION=$(PRECISION) \
	  LIVEPORTRAIT_BUCKET=$(BUCKET) LIVEPORTRAIT_ENGINE=$(ENGINE) $(if $(STORAGE_PUBLIC_URL),LIVEPORTRAIT_STORAGE_PUBLIC_URL=$(STORAGE_PUBLIC_URL)) THREADS=32 \
	  $(PY) -m functions_framework --source functions/main.py --target on_avatar_written --signature-type cloudevent --host 127.0.0.1 \
	  --port $(if $(filter renderer,$(ROLE)),$(RENDERER_PORT),$(FUNCTION_PORT))

API_PORT ?= 7860

STUDIO_STAMP := $(VENV)/.studio
PLAYWRIGHT := playwright==1.65.2
SYNC_CLIENT := syncsdk==0.3.0

$(STUDIO_STAMP): requirements-studio.txt $(STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps -r requirements-studio.txt
	@touch $@

studio: $(STUDIO_STAMP) ## the app's details screen, animating and editing in a browser: starts emulator, function and API, prints one URL
	@$(PY) -m web.studio --port $(API_PORT) --engine $(ENGINE)

test-studio: $(STUDIO_STAMP) ## the studio in headless Chromium (Debian's package chromium), Sync.so's client; STUDIO_PICTURES=folder keeps pictures of the pages
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) $(PLAYWRIGHT) $(SYNC_CLIENT)
	@$(PY) -m pytest -q -rs -m studio $(PYTEST_ARGS)

api: $(STAMP) ## the renderer over HTTP, on this machine alone: its pages at http://127.0.0.1:7860/docs (docs/use/http.md)
	@$(PY) -m web --port $(API_PORT) --engine $(ENGINE)

demo: $(STAMP) ## the main job end to end; PORTRAIT=file DRIVING=file for your own, ENGINE=auto|mesh|liveportrait
	@$(PY) -m emulator.demo $(if $(PORTRAIT),--portrait '$(PORTRAIT)') $(if $(DRIVING),--driving '$(DRIVING)') --engine $(ENGINE) --backend $(BACKEND)

render: $(STAMP) ## one render without any cloud: PORTRAIT=file DRIVING=file [OUT=idle.mp4]
	@if [ -z '$(PORTRAIT)' ] || [ -z '$(DRIVING)' ]; then echo "make render takes two files: make render PORTRAIT=portrait.jpg DRIVING=driving.mp4 [OUT=idle.mp4]" >&2; exit 2; fi
	@$(PY) -m liveportrait_core render '$(PORTRAIT)' '$(DRIVING)' -o '$(or $(OUT),out/idle.mp4)' --engine $(ENGINE)

# DEPLOY_ARGS= as in `python -m deploy apply --help`; DRY_RUN=1 prints every command and starts nothing.
# The defaults of PROJECT and BUCKET above are the emulator's: a deployment is told its own.
TOLD = $(if $($(1)),$(if $(filter file,$(origin $(1))),,--$(2) '$($(1))'))
DEPLOY = $(PY) -m deploy $(1) $(call TOLD,PROJECT,project) $(call TOLD,REGION,region) $(call TOLD,BUCKET,bucket) \
  $(if $(DRY_RUN),--dry-run) $(DEPLOY_ARGS)

deploy: $(STAMP) ## the whole pipeline in a Google Cloud project: PROJECT= REGION= BUCKET= [DRY_RUN=1] (docs/run/deployment.md)
	@$(call DEPLOY,apply)

rollback: $(STAMP) ## give the traffic back to the revisions that served before: PROJECT= REGION= BUCKET= [DRY_RUN=1]
	@$(call DEPLOY,rollback)

undeploy: $(STAMP) ## take it away again, but no data: PROJECT= REGION= BUCKET= [DRY_RUN=1]
	@$(call DEPLOY,remove)

firebase-codebase: $(STAMP) ## the gate as Firebase functions instead, a folder for `firebase deploy`: PROJECT= REGION= BUCKET= (docs/run/firebase.md)
	@$(call DEPLOY,codebase)

deploy-check: $(STAMP) ## every command of the deployment, read by the installed gcloud
	@$(PY) -m pytest -q -rs -m gcloud $(PYTEST_ARGS)

image-check: $(STAMP) ## the Dockerfile replayed into an empty folder, and one save through both roles from there (1 to 5 minutes)
	@GRPC_ENABLE_FORK_SUPPORT=false $(PY) -m tests.image --pip-args='$(PIP_ARGS)' $(IMAGE_ARGS)

clean: ## remove what the commands made, the environment too
	@rm -rf out .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info build
