# `make` alone lists the targets.

GO        ?= go
FUZZTIME  ?= 20s
BENCHTIME ?= 1s
ARGS      ?=

# Tools are pinned here and built when they are first used.
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# All packages; and those that need nothing but Go, and memcached where it is there.
ALL   := ./...
QUICK = $$($(GO) list $(ALL) | grep -v '/e2e')

.DEFAULT_GOAL := help
.PHONY: help run test versions check deps gofmt vet lint dist race cover fuzz bench bench-memcache bench-peers e2e js php

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the gateway: make run ARGS="--store memcache://127.0.0.1:11211"
	$(GO) run ./cmd/gateway $(ARGS)

test: deps gofmt vet ## everything, as the continuous integration runs it; installs what it needs
	$(GO) test -race -timeout 18m -skip '^TestEachVersion$$' $(ALL)
	$(MAKE) --no-print-directory versions js php

versions: SHELL := bash
versions: deps ## what depends on memcached's version, with each that is there, and tells which those are
	@set -o pipefail; $(GO) test -race -v -parallel 4 -timeout 10m -run '^TestEachVersion$$' ./store/... | grep -vE '^ *=== |^ {8,}--- PASS|^PASS$$|no test'

check: gofmt vet lint dist ## the quick look before a commit
	$(GO) test -short $(QUICK)

lint: ## golangci-lint, with .golangci.yml
	$(LINT) run $(ALL)

race: ## the Go tests five times over under the race detector, without e2e
	$(GO) test -race -count=5 -timeout 30m $(QUICK)

cover: ## the Go tests' coverage, function by function, without e2e
	$(GO) test -coverprofile=cover.out $(QUICK)
	$(GO) tool cover -func=cover.out

fuzz: ## each fuzz target for FUZZTIME (20s)
	scripts/fuzz $(FUZZTIME)

bench: ## the Go benchmarks, BENCHTIME (1s) each
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $(QUICK)

bench-memcache: deps ## from PHP's send to a WebSocket, over memcached: latency and cost, in about three minutes
	$(GO) run ./e2e/benchmemcache

bench-peers: ## beside nchan, nats-server, centrifuge and Socket.IO, into docs/performance.md, in about a quarter of an hour
	scripts/test-deps peers
	$(GO) run ./e2e/benchpeers $(ARGS)

e2e: deps ## the real binary with memcached, PHP, node and Chromium
	$(GO) test -race -count=1 -timeout 15m -v ./e2e/...
	php e2e/php/tests/wire.php
	php e2e/php/tests/interop.php
	php e2e/php/tests/helper.php

deps: # what the tests need beside Go
	scripts/test-deps
	scripts/memcached-versions

gofmt: # fails if a file is not as gofmt has it, and names it
	@files=$$(find . -name node_modules -prune -o -name '*.go' -exec gofmt -l {} +); \
	if [ -n "$$files" ]; then echo "not gofmt-ed:"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet $(ALL)

dist: # fails if client-js/dist is not what its sources give
	cd client-js && npm run --silent check-dist

js: dist # the browser client: its tests, and its types
	cd client-js && npm test && npm run --silent check

php: # the PHP client: its tests, and what it says to memcached
	php client-php/tests/run.php
	php e2e/php/tests/wire.php
	php e2e/php/tests/interop.php
	php e2e/php/tests/helper.php
