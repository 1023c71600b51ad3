# make run    build .venv and open the tour in JupyterLab
# make test   the quick static checks and every test
# make test-pythons  the tests of the core on every supported Python that is found (PYTHONS="3.12" for one)
# make check  all static checks, type checkers included
# make simulate  play 10,000 random programs (SEEDS=…) in the engine and in a model of it
# make death  strike kernels and scripts in every way and situation; a thousand starts and stops
# make crash  kill a program before and after every SQL statement, and at 1,000 random moments
# make dask   kill, retire and lose the workers of a Dask cluster under running jobs
# make pictures  take the pictures of README.md anew
# make bench  measure everything beside the bare thing and its peers; writes .bench/table.md
# make clean  remove what the other targets built (.jupyter/ too: what the tour's jobs left)

BIN := .venv/bin
PORT ?= 8888

# An editable install copies the front end's files to where JupyterLab looks, so they count too.
INSTALLED_FROM := pyproject.toml \
	$(shell find widgets/jobactors_widgets/labextension widgets/jobactors_widgets/static -type f)

# Installed beside the other ipykernel: a kernel started with one of these folders on PYTHONPATH runs it.
OLDER_KERNELS := .kernels/ipykernel-7.3.0 .kernels/ipykernel-6.31.0

# Finds what a screen reader or a keyboard cannot use. Without npm its one test fails, with the cure.
AXE := .tools/axe.min.js
AXE_CORE := axe-core-4.10.3

# Some images set it: each of the hundreds of processes that the tests start would compile the package.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-pythons simulate death crash dask lint check pictures bench clean
.NOTPARALLEL: # pip must not meet itself in one environment

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: .venv/.tour-installed
	@$(BIN)/python .ci/open-lab $(PORT)

# With arguments for pytest, or without: all of it, the parts with a kernel and a browser, and mypy, beside the rest.
test: .venv/.dev-installed $(OLDER_KERNELS) $(AXE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "Testing: about ten minutes on two idle cores."
	@chromium="$$($(BIN)/python tests/browser/chromium.py)" && export JOBACTORS_CHROMIUM="$$chromium" && \
		registry="$$($(BIN)/python tests/notebooks/docker_registry.py || true)" && export JOBACTORS_REGISTRY="$$registry" && \
		if [ -n "$(strip $(PYTEST_ARGS))" ]; then $(BIN)/mypy && $(BIN)/python -m pytest $(PYTEST_ARGS); \
		else .ci/run-tests $(BIN); fi

# Environments of its own in .pythons/, for each Python on the PATH or of pyenv.
test-pythons:
	.ci/test-pythons $(PYTEST_ARGS)

SEEDS ?= 10000

# No bound on the whole, which takes hours: each program and each strike has a bound of its own.
simulate: .venv/.dev-installed
	JOBACTORS_SEEDS=$(SEEDS) $(BIN)/python -m pytest tests/simulation -o faulthandler_timeout=0 $(PYTEST_ARGS)

death: .venv/.dev-installed
	JOBACTORS_DEATH=all JOBACTORS_ROUNDS=1000 $(BIN)/python -m pytest tests/death tests/test_leaks.py tests/engine/test_engine_failure.py \
		-o faulthandler_timeout=0 $(PYTEST_ARGS)

crash: .venv/.dev-installed
	JOBACTORS_CRASH=all JOBACTORS_CORRUPT=1000 $(BIN)/python -m pytest tests/crash tests/stores \
		-o faulthandler_timeout=0 $(PYTEST_ARGS)

dask: .venv/.dev-installed
	JOBACTORS_DASK=all $(BIN)/python -m pytest tests/runners/test_dask_deaths.py \
		tests/runners/test_dask_processes.py tests/runners/test_dask_kills.py -o faulthandler_timeout=0 $(PYTEST_ARGS)

lint: .venv/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint
	$(BIN)/pyright
	.ci/type-completeness $(BIN)

pictures: .venv/.dev-installed
	chromium="$$($(BIN)/python tests/browser/chromium.py)" && \
		JOBACTORS_CHROMIUM="$$chromium" $(BIN)/python -m tests.browser.pictures

bench: .venv/.bench-installed
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

clean:
	rm -rf .venv .pythons .bench .kernels .chromium .jupyter .screenshots dist build \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@echo "Setting up in .venv, one to five minutes; once."
	@python="$$(.ci/find-python)" && "$$python" -m venv .venv

.venv/.%-installed: $(INSTALLED_FROM) | .venv/bin/python
	@$(BIN)/python .ci/install "jobactors[$*]" --use-pep517 --editable ".[$*]"
	@touch $@

# Moved into place when complete, so that an interrupted download is not taken for a kernel.
.kernels/ipykernel-%: | .venv/.dev-installed
	@rm -rf $@.part
	@$(BIN)/python .ci/install "ipykernel $*" --no-deps --target $@.part ipykernel==$*
	@mv $@.part $@

.tools/axe.min.js:
	@mkdir -p .tools
	cd .tools && npm pack --silent $(subst core-,core@,$(AXE_CORE)) >/dev/null && tar xzf $(AXE_CORE).tgz package/axe.min.js \
		&& mv package/axe.min.js axe.min.js && rm -rf package $(AXE_CORE).tgz || echo "axe-core could not be had" >&2
