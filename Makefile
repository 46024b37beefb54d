# `make demo` runs the pipeline with nothing else installed; `make test` runs every test.
CARGO ?= cargo
TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
ARGS ?=

# Kafka over TLS needs OpenSSL: the system's if its headers are installed, otherwise a copy that is
# compiled in, which takes six CPU minutes more. PORTABLE=1 always compiles it in, for binaries that
# run on other machines; the image and the plugin are built so.
PORTABLE ?= $(shell pkg-config --atleast-version=1.1.1 openssl 2>/dev/null || echo 1)
FEATURES := $(if $(PORTABLE),--features xray-host/vendored-openssl)
export FEATURES

.DEFAULT_GOAL := all
.PHONY: help announce features all build function component compose logevents host demo test soak bench bench-busy bench-nn bench-dicom dicom-key test-spin schedules bench-kafka bench-scale bench-traces test-traces-jaeger bench-page plugin release reproducible fmt lint clean backends test-ceph-all train train-detector judge-detector train-markers privacy-report

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

all: build logevents ## everything for a deployment: build and logevents
build: function host ## the function for WebAssembly, and the host target/release/xray

# The function and the inference component, as `spin build` makes them. The demo needs the first
# only, which takes half as long. Each has a call of its own, since Cargo unites the features of
# what it builds together, and `make build` would not go on from where `make demo` ended. The
# manifest names target/wasm32-wasip2/release; with another target directory the files are copied
# there.
function: component ## the function and the inference component, as `spin build` makes them
	$(CARGO) build --release --target wasm32-wasip2 --lib -p xray-nn
	$(call copied,wasm32-wasip2/release/xray_nn.wasm)

component: ## the function alone, which is all that the demo needs
	@command -v rustup >/dev/null && rustup target add wasm32-wasip2 >/dev/null 2>&1 || true
	$(CARGO) build --release --target wasm32-wasip2 --lib -p xray
	$(call copied,wasm32-wasip2/release/xray.wasm)

copied = @[ "$(TARGET_DIR)" = target ] || { mkdir -p $(dir target/$(1)) && cp $(TARGET_DIR)/$(1) target/$(1); }

# One self-contained file: the function with inference in it, for hosts that have neither wasi:nn
# nor composition.
compose: build ## target/xray-composed.wasm: the function with inference, in one file
	$(TARGET_DIR)/release/xray compose -o target/xray-composed.wasm

# Apart, because it links the function's library without its HTTP export, and would leave that as
# xray.wasm.
logevents: ## the event display and the example for the Kafka trigger, components of their own
	$(CARGO) build --release --target wasm32-wasip2 --lib -p logevents -p hello-kafka --target-dir $(TARGET_DIR)/components
	$(call copied,components/wasm32-wasip2/release/logevents.wasm)
	$(call copied,components/wasm32-wasip2/release/hello_kafka.wasm)

host: ## the host target/release/xray
	$(CARGO) build --release -p xray-host $(FEATURES)

demo: announce component host ## the whole pipeline on this machine; ARGS="--images DIR", --keep, --push
	$(TARGET_DIR)/release/xray demo $(ARGS)

# The figures are those of a fresh machine.
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
CPU_MINUTES := $(if $(PORTABLE),25,19)
MINUTES := $(shell echo $$(($(CPU_MINUTES) / $(CORES) + 2)))
announce:
	@[ -x $(TARGET_DIR)/release/xray ] || printf '%s\n' \
	  "make demo compiles the function to WebAssembly and the host that runs it, then draws X-rays of" \
	  "invented patients and sends them through the whole pipeline. The first build takes about" \
	  "$(MINUTES) minutes on $(CORES) cores ($(CPU_MINUTES) CPU minutes), later ones take seconds." \
	  $(if $(PORTABLE),"OpenSSL is compiled too (6 CPU minutes); pkg-config and libssl-dev make that unnecessary.")

# Prints the features that a direct `cargo` command needs to share this build.
features:
	@echo $(FEATURES)

# ONNX Runtime and OpenVINO from their PyPI wheels, for faster inference and for the tests of those
# backends.
backends: host ## ONNX Runtime and OpenVINO, as alternatives to the built-in inference
	$(TARGET_DIR)/release/xray setup-backends

# Trains the model from X-rays in the Kaggle layout: make train DATA=dir. An interrupted run
# resumes. The figures of the shipped model are in training/; those of another one stay in its work
# folder.
TRAINED ?= models/pneumonia
WORK ?= $(TARGET_DIR)/train
FIGURES ?= $(if $(filter models/pneumonia,$(TRAINED)),training/pneumonia,$(WORK)/figures)
train: host ## train the pneumonia model: DATA=DIR in the Kaggle layout
	@[ -d "$(DATA)/train/NORMAL" ] || { echo "make train DATA=DIR: DIR must hold train/NORMAL and train/PNEUMONIA" >&2; exit 2; }
	[ -x $(WORK)/venv/bin/python ] || python3 -m venv $(WORK)/venv
	$(WORK)/venv/bin/pip install --quiet -r training/pneumonia/requirements.txt
	$(TARGET_DIR)/release/xray make-images --quiet --kind normal --count 200 --seed 77 -o $(WORK)/phantoms/NORMAL
	$(TARGET_DIR)/release/xray make-images --quiet --kind pneumonia --count 200 --seed 78 -o $(WORK)/phantoms/PNEUMONIA
	$(WORK)/venv/bin/python training/pneumonia/train.py --data $(DATA) --phantoms $(WORK)/phantoms --out $(TRAINED) --figures $(FIGURES) --work $(WORK) $(ARGS)

# Trains the detector of burned-in text: make train-detector DATA=dir SMALL=dir MINUTES=60. It
# resumes, and writes training/text/checkpoint.npz. training/text/README.md has the rest.
DETECTOR_WORK ?= $(TARGET_DIR)/train-detector
DETECTOR_PYTHON = $(DETECTOR_WORK)/venv/bin/python
MINUTES ?= 60
$(DETECTOR_WORK)/ready: training/text/requirements.txt training/text/fonts.txt
	[ -x $(DETECTOR_PYTHON) ] || python3 -m venv $(DETECTOR_WORK)/venv
	$(DETECTOR_WORK)/venv/bin/pip install --quiet -r training/text/requirements.txt
	training/text/install-fonts $(DETECTOR_WORK)/fonts
	training/text/install-fonts $(DETECTOR_WORK)/unseen --unseen
	rm -f $(DETECTOR_WORK)/fonts/index.json
	touch $@
train-detector: host $(DETECTOR_WORK)/ready ## train the text detector: DATA=DIR SMALL=DIR MINUTES=60
	@[ -d "$(DATA)/NORMAL" ] || { echo "make train-detector DATA=DIR: DIR must hold NORMAL and PNEUMONIA with X-rays at full size" >&2; exit 2; }
	[ -e $(DETECTOR_WORK)/phantoms/truth.json ] || $(TARGET_DIR)/release/xray make-images --quiet --count 60 --seed 71 -o $(DETECTOR_WORK)/phantoms
	$(DETECTOR_PYTHON) training/text/learn.py --data $(DATA) $(if $(SMALL),--small $(SMALL)) --phantoms $(DETECTOR_WORK)/phantoms --fonts $(DETECTOR_WORK)/fonts --work $(DETECTOR_WORK) --minutes $(MINUTES) $(ARGS)
judge-detector: $(DETECTOR_WORK)/ready ## lines missed by kind, shipped detector and the checkpoint's: DATA=DIR
	$(DETECTOR_PYTHON) training/text/selftest.py $(DETECTOR_WORK)/fonts $(DETECTOR_WORK)/unseen
	$(DETECTOR_PYTHON) training/text/publish.py --out $(DETECTOR_WORK)/model
	$(DETECTOR_PYTHON) training/text/judge.py --data $(DATA) --unseen $(DETECTOR_WORK)/unseen --model models/text/model.onnx $(DETECTOR_WORK)/model/model.onnx $(ARGS)

# Trains the recognizer of markers: make train-markers DATA=dir SMALL=dir. It resumes, and writes
# training/markers/checkpoint.npz.
train-markers: $(DETECTOR_WORK)/ready ## train the marker recognizer: DATA=DIR SMALL=DIR
	@[ -d "$(DATA)/NORMAL" ] || { echo "make train-markers DATA=DIR: DIR must hold NORMAL and PNEUMONIA with X-rays at full size" >&2; exit 2; }
	$(DETECTOR_PYTHON) training/markers/learn.py --data $(DATA) $(if $(SMALL),--small $(SMALL)) --fonts $(DETECTOR_WORK)/fonts --work $(DETECTOR_WORK)/markers $(ARGS)

# Draws invented patients, runs the pipeline, attacks the copies: make privacy-report XRAYS=dir
# N=2000 SEED=9
ANNOTATIONS ?= $(or $(MARKS),training/text/annotations.json)
privacy-report: function host ## attack the anonymized copies: XRAYS=DIR N=2000 SEED=9
	XRAYS="$(XRAYS)" ANNOTATIONS="$(ANNOTATIONS)" $(if $(N),N=$(N)) $(if $(SEED),SEED=$(SEED)) privacy/run $(ARGS)

# Decoding in WebAssembly beside the same code natively, and events of seven megapixels.
bench-dicom: build ## CPU time of DICOM objects of 7 megapixels in each transfer syntax
	$(CARGO) build --release --workspace $(FEATURES) --example events
	rm -rf $(TARGET_DIR)/bench/dicom
	$(TARGET_DIR)/release/xray make-images --quiet --dicom --kind pneumonia --count 1 --seed 5 -o $(TARGET_DIR)/bench/dicom
	$$(tests/dicom/fetch) bench/dicom.py --drawn "$$(ls $(TARGET_DIR)/bench/dicom/*.dcm)" --xray $(TARGET_DIR)/release/xray --native $(TARGET_DIR)/release/examples/events $(ARGS)

test: function logevents ## every suite, with a summary
	./tests/run

# Needs root: tests/ceph/fetch installs Ceph 18 and 20 into folders of the cache.
test-ceph-all: function ## the tests of Ceph on the installed release, on 18 and on 20
	for release in 18 20; do tests/ceph/fetch $$release || exit; done
	for release in "" 18 20; do \
	  CI=1 env $${release:+XRAY_CEPH=$$release} $(CARGO) test --release --workspace $(FEATURES) --test ceph -- --show-output || exit; done

# The long one of the Kafka tests: 20,000 notifications of 500 objects, with faults at random.
soak: function ## the long Kafka test: 20,000 notifications, with random faults
	XRAY_SOAK=20000 $(CARGO) test --release --workspace $(FEATURES) --test kafka -- --show-output soak

# 2,000 burned-in lines, and more free texts and private attributes than that; `make test` takes six
# of the 500 objects. PEERS are commands of other programs, see tests/dicom/peers.py.
dicom-key: build ## score de-identified DICOM copies by planted patients: COUNT=500 PEERS=
	tests/dicom/fetch >/dev/null
	tests/dicom/measure $(TARGET_DIR)/release/xray $(TARGET_DIR)/dicom-key $(or $(COUNT),500) $(PEERS)

# The Kafka trigger alone, some 20 minutes. RETRY_TOPIC=1 adds a retry topic.
schedules: function ## 50 schedules of faults against a real Kafka
	CI=1 XRAY_SCHEDULES=50 XRAY_RETRY_TOPIC=$(RETRY_TOPIC) $(CARGO) test --release --workspace $(FEATURES) --test kafka -- --show-output schedules::schedules

# The request time of every backend side by side, and what loading the model costs a fresh instance.
bench-nn: function ## request times of every inference backend
	CI=1 $(CARGO) test --release --workspace $(FEATURES) --test e2e --test host -- --show-output --ignored bench_nn

# An event's CPU time as one table: this build, natively too, an older build and Python peers. BASE
# is a checkout of another version in which `make build` ran.
IMAGES ?= $(TARGET_DIR)/bench/pictures
BENCH_PYTHON = $(TARGET_DIR)/bench/venv/bin/python
$(TARGET_DIR)/bench/ready: bench/requirements.txt
	[ -x $(BENCH_PYTHON) ] || python3 -m venv $(TARGET_DIR)/bench/venv
	$(BENCH_PYTHON) -m pip install --quiet -r bench/requirements.txt
	touch $@
bench: build $(TARGET_DIR)/bench/ready ## CPU time of an event beside Python's and an older build's: IMAGES=DIR BASE=CHECKOUT
	$(CARGO) build --release --workspace $(FEATURES) --example events
	[ -d $(IMAGES) ] || $(TARGET_DIR)/release/xray make-images --quiet --count 6 --seed 5 -o $(IMAGES)
	$(BENCH_PYTHON) bench/events.py --folder $(IMAGES) --xray $(TARGET_DIR)/release/xray --native $(TARGET_DIR)/release/examples/events $(if $(BASE),--base $(BASE)) $(ARGS)

# Eight events in flight, and starts. PICTURES is a folder of JPEGs and PNGs.
PICTURES ?= $(TARGET_DIR)/bench/drawn
bench-busy: build $(TARGET_DIR)/bench/ready ## events per CPU second and peak memory with 8 in flight, and CPU time of a start
	[ -d $(PICTURES) ] || $(TARGET_DIR)/release/xray make-images --quiet --count 16 --seed 5 -o $(PICTURES)
	$(BENCH_PYTHON) bench/busy.py --folder $(PICTURES) --xray $(TARGET_DIR)/release/xray $(ARGS)

# The same pictures by stock Spin: make test-spin SPIN=/path/to/spin
test-spin: function ## the same pictures by stock Spin: SPIN=/path/to/spin
	SPIN=$(SPIN) $(CARGO) test --release --workspace $(FEATURES) --test e2e -- --show-output --ignored stock_spin

# The Kafka trigger beside the same events over HTTP.
bench-kafka: function logevents ## the Kafka trigger beside the same events over HTTP
	CI=1 $(CARGO) test --release --workspace $(FEATURES) --test kafka -- --show-output --ignored kafka_beside_http

# Costs for docs/sizing.md, one after the other.
bench-scale: function logevents backends ## CPU time by hosts and picture size, and rebalance times
	CI=1 $(CARGO) test --release --workspace $(FEATURES) --test kafka -- --show-output --ignored --test-threads 1 scale::

# Processor time of events with traces off and on, as multiples; three hosts take turns. BASE=FILE
# is another program `xray`, for example one from before there were traces.
bench-traces: function ## processor time of events with traces off and on; BASE=FILE, another xray
	CI=1 XRAY_BASE='$(BASE)' $(CARGO) test --release --workspace $(FEATURES) --test e2e -- --show-output --ignored bench_traces

# The traces of 500 events at Jaeger, which tests/jaeger/fetch builds once (three CPU minutes, Go).
test-traces-jaeger: function ## traces of 500 events at Jaeger, over a crash, a rebalance and a redrive
	tests/jaeger/fetch >/dev/null
	CI=1 $(CARGO) test --release --workspace $(FEATURES) --test kafka -- --show-output --ignored jaeger_has_one_tree

# The page on a real radosgw: the review with 10,000 copies in the queue, and the time from an
# upload to its row. Needs the packages of the tests of Ceph.
bench-page: build ## times of the page: a long queue, and from an upload to its row
	python3 bench/page.py --xray $(TARGET_DIR)/release/xray $(ARGS)

# The host as Spin's trigger-kafka plugin: the archive, and the manifest for
# `spin plugins install --file`.
plugin: ## the host as trigger plugin for Spin, in target/plugin
	$(MAKE) host PORTABLE=1
	host/plugin/package target/plugin "$(URL)" $(TARGET_DIR)/release/xray

# Archives, plugin, bills of materials and digests in target/dist. RELEASING.md has the steps around
# it.
release: ## the files of a release, in target/dist; TARGETS="x86_64-unknown-linux-gnu ..."
	URL="$(URL)" release/build $(TARGETS)

# Builds the component twice, in two folders.
reproducible: ## check that the component has the same bytes when built elsewhere
	release/reproducible

lint: ## wording, formatting and clippy
	tests/lint/prose --strict
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets $(FEATURES) -- -D warnings

fmt: ## format the code
	$(CARGO) fmt --all

clean: ## remove all build outputs
	$(CARGO) clean
