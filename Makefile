# The commands of this house. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test bench lint layers fmt verify

# Every build checks imports, so that all of them share one build directory.
SWIFT_FLAGS := --explicit-target-dependency-import-check error
SWIFT_SOURCES := $(wildcard Benchmarks Sources Tests) Package.swift

# The tests' peers; META_OPENAPI, when set, names Meta's OpenAPI document for one more check of WhatsApp requests.
export GATEWAYD_TEST_VENV := $(CURDIR)/.venv
export GATEWAYD_TEST_TOOLS := $(CURDIR)/.build-tools/bin
# Hundreds of tests at once would starve one another on a small machine, and then their time limits would speak of the machine.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH := 8
ifeq ($(CI),true)
export GATEWAYD_WARNINGS_AS_ERRORS := 1
endif

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, then serve everything on this machine with a demonstration quote
	@Scripts/setup
	@swift build $(SWIFT_FLAGS) --product gatewayd
	@exec .build/debug/gatewayd dev

test: ## Check the layers and run every test
	@Scripts/setup --tests
	@$(MAKE) --no-print-directory layers
	@swift test $(SWIFT_FLAGS)

bench: ## Build for release and measure
	@Scripts/bench

lint: ## Check the format of all Swift code
	@swift format lint --strict --recursive $(SWIFT_SOURCES)

fmt: ## Format all Swift code
	@swift format --in-place --recursive $(SWIFT_SOURCES)

layers: ## Check that every import follows the arrows, and that the check itself works
	@Scripts/check-layers
	@Scripts/check-layers --self-test

verify: layers lint ## Check layers and format, and that nothing is left uncommitted
	@git diff --exit-code
