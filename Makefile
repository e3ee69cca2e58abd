# napari-dacapo: `make help` lists what can be done. Everything happens in .venv.

VENV ?= .venv
PY := $(VENV)/bin/python
PYTEST_ARGS ?= -n 2
STAMP := $(VENV)/.installed
DISPLAYED := scripts/with-display.sh
WINDOW_TESTS = $(shell grep -rlE 'mark\.(window|browser)' --include='test_*.py' tests)

# Tests and benchmarks start many processes, each of which would compile all modules anew.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo test long-test lint bench screenshots clean window-packages test-packages

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# What is slow on a new machine, Debian's packages and Python's, is installed at the same time.
set_up = @$(MAKE) --no-print-directory -j2 $(1) $(STAMP)

demo: ## Open napari with a real training run (a picture of it where there is no screen)
	$(call set_up,window-packages)
	@$(VENV)/bin/napari-dacapo demo

# Windows that share a screen take the keyboard from each other: the many tests of widgets run
# without a screen, and the few that need a real window one after the other, beside those that need a
# browser.
in_windows = $(DISPLAYED) $(PY) -m pytest -m "(window or browser) and $(1)" $(PYTEST_ARGS) \
	--dist loadgroup $(WINDOW_TESTS)

test: ## Run the tests, in real windows and a real browser too (`make long-test` has some more)
	$(call set_up,test-packages)
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -m "not window and not browser and not long" $(PYTEST_ARGS)
	$(call in_windows,not long)

long-test: test-packages $(STAMP) ## Run the tests that take long: floods, clusters, whole predictions, the demo
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -m "long and not window and not browser" $(PYTEST_ARGS)
	$(call in_windows,long)

lint: $(STAMP) ## Check style, types and the direction of imports
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: window-packages $(STAMP) ## Measure against arrays in memory, da.from_zarr and the limits we set ourselves
	$(DISPLAYED) $(PY) -m benchmarks

screenshots: window-packages $(STAMP) ## Make the pictures of README.md and docs/ anew
	$(DISPLAYED) $(PY) scripts/screenshots.py

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.png
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

window-packages:
	@scripts/system-packages.sh window

test-packages:
	@scripts/system-packages.sh window browser

$(STAMP): pyproject.toml constraints.txt scripts/make-venv.sh
	@scripts/make-venv.sh $(VENV)
	@touch $@
