# The two commands a newcomer needs are `make demo` and `make test`; each does all the set-up it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# two test processes share the cores: idle threads must not spin
QUIET := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE NUMBA_NUM_THREADS=2
DATA ?= $(firstword $(SLT_DATA) $(wildcard ../shared/data))

.PHONY: demo test check kills full benchmark notebooks docs clean

demo: $(STAMP)
	$(BIN)/slt demo $(if $(DATA),--data "$(DATA)")

test: check
	SLT_DATA="$(DATA)" $(QUIET) $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# a run that is killed a hundred times at random moments, and taken up each time
kills: $(STAMP)
	$(BIN)/python -m pytest -m full tests/runner/test_kills.py

full: $(STAMP)
	SLT_DATA="$(DATA)" $(BIN)/python -m pytest -m full

benchmark: $(STAMP)
	SLT_DATA="$(DATA)" $(BIN)/python -m benchmarks

# the course, executed, in notebooks/build
notebooks: $(STAMP)
	mkdir -p notebooks/build
	for script in notebooks/[0-9][0-9]_*.py; do \
	  $(BIN)/jupytext --quiet --to ipynb --output notebooks/build/$$(basename $$script .py).ipynb $$script || exit 1; \
	done
	$(BIN)/jupyter-execute --inplace notebooks/build/*.ipynb

# the site, in docs/build/html; a warning is an error
docs: $(STAMP)
	$(BIN)/sphinx-build -W --keep-going --quiet -a -b html docs docs/build/html
	@echo "docs/build/html/index.html"

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "slt needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

clean:
	rm -rf $(VENV) results docs/build docs/generated
