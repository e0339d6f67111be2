# `make` lists what there is to do.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := tests/middleware tests/ngw2f
export PIP_DISABLE_PIP_VERSION_CHECK = 1

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: .venv/.run ## Run the chat, with everything it needs, on http://127.0.0.1:8000.
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/gunicorn -c gunicorn.conf.py app:application

stack: .venv/.stack ## Run it behind nginx, with PostgreSQL if it is installed, on https://localhost:8443.
	@exec $(BIN)/python -m deploy.stack

cert: .venv/.run ## Make a self-signed certificate for localhost (make stack does it too).
	@$(BIN)/python -m nginx.certificate

test: .venv/.test ## Run the checks and all the tests.
	@# At the same time: the checks have a processor while the tests wait for servers.
	@$(MAKE) --no-print-directory -j2 check pytest

pytest: .venv/.test
	@# Many wait for servers that they start, so there are more of them than cores.
	$(BIN)/python -m pytest -n 4

coverage: .venv/.test ## Run the tests of the two packages again, and measure what they reach.
	@# A second run, because coverage doubles the processor time of what it sees into.
	$(BIN)/python -m pytest -n auto --cov --cov-report=term $(PACKAGES)
	$(BIN)/coverage report --include='middleware/*' --fail-under=100

test-quick: .venv/.test ## Run the tests that need nothing but Python, in about a minute.
	$(BIN)/python -m pytest -n auto -m in_process $(PACKAGES)

check: .venv/.test ## Style, types, and who may import whom.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

conformance: .venv/.test ## Judge the cache and Socket.IO by public suites, checked out in CACHE_TESTS_DIR, ENGINEIO_DIR, SOCKETIO_DIR.
	$(BIN)/python -m tests.conformance.run
	$(BIN)/python -m tests.conformance.socketio.run

demo: .venv/.examples ## Walk from telnet to the chat: all the steps, or one (STEP=3).
	@$(BIN)/python -m examples.demo $(STEP)

talk: .venv/.run ## Make slides of docs/talk.md: build/talk.html, and a PDF if chromium is there.
	@$(BIN)/python -m examples.talk
	@! command -v chromium > /dev/null || chromium --headless --no-sandbox --print-to-pdf=build/talk.pdf build/talk.html

servers: .venv/.test ## Try the middleware under every server, and compare with docs/servers.md.
	$(BIN)/python -m tests.matrix.servers

catalogue: .venv/.test ## Bring the catalogues of texts up to date with the source, and compile them.
	$(BIN)/python -m packages.catalogue

docs: .venv-docs/.done ## Build the documentation as a site, build/site/; a warning or a dead link is an error.
	.venv-docs/bin/python -m docs.website

dist: .venv/.test ## Build the two distributions into dist/, and check them.
	rm -rf dist build/lib packages/middleware/build
	$(BIN)/python -m build --outdir dist packages/middleware
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	@rm -rf build/lib build/bdist.* packages/middleware/build ngw2f.egg-info packages/middleware/ngw2f_middleware.egg-info

# A checkout has the middleware beside the chat, so it needs no pin.
PIN = $(BIN)/uv pip compile -q --universal --generate-hashes --no-strip-extras --no-annotate --no-header --python-version 3.11 $(UPGRADE)
COMPILE = $(PIN) --overrides packages/beside.txt --no-emit-package ngw2f-middleware setup.cfg
UPGRADE = --upgrade

requirements: .venv/.test ## Pin the newest versions that setup.cfg allows, with their hashes; with UPGRADE= only what is new there.
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra test -o requirements-test.txt
	$(COMPILE) --extra examples -o requirements-examples.txt
	$(COMPILE) --extra stack -o requirements-stack.txt
	$(PIN) --group docs -o requirements-docs.txt
	@rm -rf ngw2f.egg-info packages/middleware/ngw2f_middleware.egg-info

clean: ## Remove what was installed and built. What the chat stored (var/) stays.
	rm -rf .venv .venv-docs build dist *.egg-info packages/*/build packages/*/*.egg-info .mypy_cache .ruff_cache .pytest_cache .coverage

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/bin/ngw2f: deploy/command.sh | .venv/bin/python
	@cp deploy/command.sh $@

.venv/.checkout: | .venv/bin/python
	@# A step is run in its own folder, where Python would not look for this checkout.
	@echo '$(CURDIR)' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/checkout.pth"
	@touch $@

.venv/.run: requirements.txt .venv/bin/ngw2f | .venv/bin/python
	$(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r requirements.txt
	@touch $@

.venv/.stack: requirements-stack.txt .venv/bin/ngw2f | .venv/bin/python
	$(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r requirements-stack.txt
	@touch $@ .venv/.run

.venv/.examples: requirements-examples.txt .venv/bin/ngw2f | .venv/.checkout .venv/bin/python
	$(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r requirements-examples.txt
	@touch $@ .venv/.run

.venv/.test: requirements-test.txt .venv/bin/ngw2f | .venv/.checkout .venv/bin/python
	$(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r requirements-test.txt
	@touch $@ .venv/.run .venv/.examples

.venv-docs/.done: requirements-docs.txt
	@# Apart: Sphinx and what checks the distributions need different docutils.
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install -q --require-hashes --only-binary :all: -r requirements-docs.txt
	@touch $@

.PHONY: help run stack cert test pytest test-quick check conformance demo talk servers catalogue docs dist requirements clean
