# Everything goes through here; `make help` lists it.
.PHONY: help setup run lab lab-up lab-down test identity bench golden check fmt fmt-check lint doc build assets packages-run packages-test clean
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(CURDIR)/.local/tools/bin:$(HOME)/.cargo/bin:$(PATH)

web := services/web-gateway/assets
web_sources := $(shell find $(web) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
scripts := $(shell find integration-tests .ci -name '*.sh' -not -path '*/lab/lib/*' 2>/dev/null) .ci/run

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14
	@echo
	@echo "Settings: YES=1 installs packages without asking; DEMO=0 starts empty; REPLICAS=2 runs two of each service;"
	@echo "CLUSTER=https://HOST:5080 RAPI_USER=NAME RAPI_PASSWORD_FILE=FILE adds a real cluster; LAB=1 tests on real Ganeti too."

run: build ## start everything on this machine with a simulated fleet, until Ctrl-C
	@exec cargo run --quiet --package gwm-integration-tests --bin dev-stack -- run

lab: build ## the same on two real Ganeti clusters built here (root)
	@integration-tests/lab/lab.sh up
	@exec cargo run --quiet --package gwm-integration-tests --bin dev-stack -- lab

lab-up: ## only build the two Ganeti clusters (root)
	@integration-tests/lab/lab.sh up

lab-down: ## remove them without a trace (root)
	@integration-tests/lab/lab.sh down

test: packages-test assets identity ## all tests; LAB=1 adds those on real Ganeti (root)
	@integration-tests/run-tests.sh

bench: packages-run assets ## measure against the peers, in release profile (ROWS="cache lists fleet" for some of it)
	@cargo build --quiet --release --workspace --bins
	@"$${CARGO_TARGET_DIR:-target}/release/gwm-bench" $(ROWS)

golden: assets ## make the generated files anew: event schemas and examples, AsyncAPI, OpenAPI
	@GWM_UPDATE_GOLDEN=1 cargo test --quiet --package gwm-events --test contract
	@GWM_UPDATE_GOLDEN=1 cargo test --quiet --package gwm-web-gateway --lib openapi

check: fmt-check lint doc ## what CI checks before it tests

fmt: ## format the sources
	@cargo fmt --all

fmt-check:
	@cargo fmt --all --check

lint: assets ## clippy and shellcheck, warnings are errors
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck $(scripts); else echo "shellcheck is not installed: scripts not checked"; fi

doc: assets ## documentation of the crates, warnings are errors
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --quiet

build: packages-run assets ## compile everything
	@cargo build --workspace --exclude gwm-bench --bins

setup: packages-run ## install what is missing, nothing else
	@integration-tests/setup/tools.sh

packages-run:
	@integration-tests/setup/packages.sh run

packages-test:
	@integration-tests/setup/packages.sh run test

# What the browser gets: built by npm packages that are inputs only and never copied into the tree.
assets: setup .local/assets.stamp

# The OpenID provider of the tests.
identity: integration-tests/identity/node_modules/.package-lock.json

integration-tests/identity/node_modules/.package-lock.json: integration-tests/identity/package-lock.json
	@cd integration-tests/identity && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(web)/node_modules/.package-lock.json: $(web)/package-lock.json
	@echo "Fetching the build inputs of the pages ..."
	@cd $(web) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.local/assets.stamp: $(web)/node_modules/.package-lock.json $(web_sources)
	@echo "Building the pages' scripts and styles ..."
	@cd $(web) && npm run --silent build
	@touch $@

clean: ## remove what was built and fetched (databases of `make run` stay in .local)
	@cargo clean --quiet
	@rm -rf .local/tools .local/assets.stamp .local/ci $(web)/node_modules $(web)/dist /var/tmp/gwm-pg-template-*
