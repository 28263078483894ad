# What people run; CI runs the same checks and tests (.ci/run). `make demo` ends in a graph.
BIN := .venv/bin

.PHONY: setup check quick test demo ci

setup: $(BIN)/kgbuild  ## make .venv with everything that is needed

$(BIN)/kgbuild: pyproject.toml
	python3 -m venv .venv
	$(BIN)/pip install --editable '.[dev]'
	touch $@

check: setup  ## style and types
	.ci/check $(BIN)

quick: setup  ## the tests that take no more than a few seconds each
	$(BIN)/pytest -m 'not slow'

test: setup  ## all tests
	$(BIN)/pytest

demo: setup  ## the examples as a graph, in ./kg
	$(BIN)/kgbuild ingest examples/documents --ontology examples/ontology.yaml

ci:  ## what CI runs, in an environment of its own
	.ci/run
