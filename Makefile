# `make demo` runs the main job, `make test` all tests, `make check` the static checks, `make bench` the
# measurements. Each does its own set-up in .venv from the lock file; nothing else has to be done first.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
DEMO ?=
LOCK := pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
    --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header

.PHONY: demo test check bench kill-loop soak vm-test lock clean programs link-kill-loop outbox-week outbox-drain fleet

demo: .venv/.ready
	@$(BIN)/python -m agent.demo $(DEMO)

test: .venv/.ready programs check
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST)

check: .venv/.ready
	$(BIN)/ruff check agent tests hardware-tests
	$(BIN)/ruff format --check agent tests hardware-tests
	$(BIN)/mypy
	$(BIN)/mypy hardware-tests
	$(BIN)/lint-imports
	$(BIN)/python tests/tools/file_lengths.py

bench: .venv/.ready programs
	$(BIN)/python tests/bench/bench.py $(BENCH)

kill-loop: .venv/.ready
	$(BIN)/python -m pytest tests/faults/test_kill_loop.py --kills 50

link-kill-loop: .venv/.ready programs
	$(BIN)/python -m pytest tests/faults/test_link_kill_loop.py --kills 50

# Needs root and a few Debian packages; see hardware-tests/README.md. Short form: make vm-test VM='--job service'
vm-test: .venv/.ready
	hardware-tests/vm/run.sh $(VM)

soak: .venv/.ready
	$(BIN)/python -m pytest tests/faults/test_soak.py --soak-minutes 60

# Measurements that take long or need a quiet machine: seven days without a broker, draining, 500 boxes.
outbox-week outbox-drain fleet: .venv/.ready programs
	$(BIN)/python tests/bench/$(subst -,_,$@).py $(BENCH)

# Programs that some tests need. Without root the tests that need them are skipped by name.
programs:
	@tests/tools/install-programs

# Everything goes to stderr, so that `make -s demo` prints only what the demo prints.
.venv/.ready: requirements-dev.lock pyproject.toml tests/tools/make-venv
	@tests/tools/make-venv $(PYTHON) >&2

# Needs pip-tools. The lock names packages and hashes, never where they came from.
lock:
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra console --output-file requirements-console.lock pyproject.toml
	$(LOCK) --extra console --extra test --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf .venv .demo
