# Two commands matter to a newcomer: `make demo` and `make test`. Both set up everything they need in $(VENV).
# Everything that is more than a line lives in scripts/.

.DEFAULT_GOAL := help
.PHONY: help demo test check cover scan bench docs package lock fmt clean

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=#      the Python to use: a command, a path or a version; the newest one found when empty
ARGS ?=#        more words for the program behind the target: make test ARGS="-k cors"
ONLY ?=#        one benchmark: make bench ONLY=rate
UPGRADE ?=#     make lock UPGRADE=1 takes newer versions
COVER ?= 90#    percent of lines the suite must reach
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

# Any Python starts the set-up; it then looks for a suitable one, and says so when there is none.
STARTER = $(shell for each in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$each" -c "" 2>/dev/null && echo "$$each" && break; done)
SETUP = @$(or $(STARTER),$(error Garrison needs Python 3.11 or newer; no Python was found)) \
	scripts/bootstrap.py --venv $(VENV) --python "$(PYTHON)"
# Only a whole run is measured: part of the suite would say something false about coverage. And only from Python 3.12 on,
# where the interpreter itself notes which lines ran; before, it doubles the time of the suite.
MEASURE = if $(BIN)/python -c "import sys; sys.exit(sys.version_info < (3, 12))"; then \
	export COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml" COVERAGE_FILE="$(CURDIR)/.coverage"; fi;
# One more than two cores take: half of the time, tests wait for servers they started.
BESIDE = $(if $(filter-out 1,$(CORES)),-n 3 --dist loadgroup)
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

help:  ## Show this table
	@printf '\033[1mGarrison\033[0m: make <target>\n\n'
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[36m%-7s\033[0m %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo:  ## Run the reference application behind Garrison on https://localhost:8443
	$(SETUP) demo
	@$(BIN)/garrison demo $(ARGS)

test:  ## Run the whole test suite (ARGS="..." goes to pytest)
	$(SETUP) dev
	@$(if $(ARGS),,rm -f .coverage .coverage.*)
	@status=0; \
		$(if $(ARGS),,$(BIN)/python -m pytest -m alone || status=$$?; $(MEASURE)) \
		$(BIN)/python -m pytest $(BESIDE) $(or $(ARGS),-m "not alone") || status=$$?; \
		$(if $(ARGS),,test -z "$$COVERAGE_FILE" || $(BIN)/coverage combine --quiet >&2 || echo "coverage: some data was lost" >&2;) \
		exit $$status

check:  ## Lint, formatting, types, import rules, and the coverage of the last whole test run
	$(SETUP) dev
	@failed=; for tool in "ruff check ." "ruff format --check ." "mypy" "mypy --explicit-package-bases scripts tests/support" "lint-imports"; do \
		printf '\033[1m%s\033[0m\n' "$$tool"; $(BIN)/$$tool || failed="$$failed [$$tool]"; done; \
		$(MAKE) --no-print-directory cover || failed="$$failed [coverage]"; \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

cover:  ## Compare the coverage of the last whole test run with the least allowed
	@if test -f .coverage; then \
		printf 'coverage in percent (must reach $(COVER)): '; \
		$(BIN)/coverage report --format=total --fail-under=$(COVER); \
	else echo "coverage: not measured yet, make test does that on Python 3.12 and newer"; test -z "$$CI"; fi

scan:  ## Scan this project with Garrison itself; .ci/scan.toml explains what is left
	$(SETUP) dev
	@scripts/scan_itself.sh $(VENV)

bench:  ## Run the benchmarks (ONLY=name for one) and write bench/results.json
	$(SETUP) dev
	@$(BIN)/python -m bench $(ONLY)

docs:  ## Build the documentation into site/, warnings being errors
	$(SETUP) dev
	@$(BIN)/mkdocs build --strict --quiet

package:  ## Build sdist and wheel into dist/ and try the wheel in an empty environment
	$(SETUP) dev
	@scripts/check_package.sh $(VENV)

lock:  ## Write requirements/*.txt anew from pyproject.toml (UPGRADE=1 takes newer versions)
	$(SETUP) dev
	@$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@$(COMPILE) --extra all -c requirements/dev.txt pyproject.toml -o requirements/demo.txt
	@$(COMPILE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	@$(COMPILE) -c requirements/dev.txt requirements/bootstrap.in -o requirements/bootstrap.txt

fmt:  ## Format, and mend what the linter can mend
	$(SETUP) dev
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

clean:  ## Remove what the other targets built (the virtual environments stay)
	@rm -rf build dist site .coverage .coverage.* .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests examples bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
