# `make demo` and `make test` work on a fresh machine with Python 3.10 to 3.13 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-long test-vcam lint bench clean setup

setup: $(STAMP)

# The constraints pin everything: pip itself first, which must know dependency groups, then us and our build.
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (the first time takes a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt \
		--editable . --group dev
	@touch $@

demo: $(STAMP)
	@$(BIN)/fomm-live demo

# As many tests at once as there are processors, each with one: threads of several would only be in each other's way.
# Each process begins with a part of its own, so that what a file's tests share is made in one of them, and helps the
# others when it is done.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not long" -n auto --dist worksteal

test-long: $(STAMP)
	$(BIN)/python -m pytest -m long

# The virtual camera on a real kernel in QEMU; needs root and some Debian packages, see docs/virtual-camera.md.
test-vcam: $(STAMP)
	$(BIN)/python -m tests.vcam

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/cpu_suite.py
	$(BIN)/python benchmarks/live_fps.py
	$(BIN)/python benchmarks/tracking.py
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf $(VENV) out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
