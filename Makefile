# SPDX-FileCopyrightText: The vigild authors
# SPDX-License-Identifier: Apache-2.0
#
# `make` is what continuous integration runs. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

# Where Go is unpacked, for shells (sudo, cron) whose PATH does not say so.
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

FUZZTIME ?= 60s
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
GOBUILD   = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

# Commands that exist; folders of tests by what they need; the rest is unit.
COMMANDS = $(patsubst cmd/%/,%,$(sort $(dir $(wildcard cmd/*/main.go))))
UNIT     = go list ./... | grep -vE '/test/(netns|vm|demo|bench)(/|$$)'
# Pure packages start no goroutine (engine/house sees to that), so the race
# detector has nothing to find in them.
RACED    = $(UNIT) | grep -vE '/(engine/(event|vrrp|vrrp/wire|health|ledger|explain|house)|config/syntax|mib|dashboards|alerts|engine)$$'
HAS      = $(if $(wildcard $(1)/*.go $(1)/*/*.go),yes)

.PHONY: all
all: test ## what continuous integration runs: build, vet, lint and every layer of tests

.PHONY: build
build: need-go ## bin/vigild, bin/vigilctl, bin/genhash: static, with the version from git
	@mkdir -p bin
	@for c in $(COMMANDS); do echo "bin/$$c $(VERSION)"; $(GOBUILD) -o bin/$$c ./cmd/$$c; done

# The real OpenTelemetry collector, the receiver of tests and the demonstration:
# a module of its own, so that its requirements are not ours.
.PHONY: otelcol
otelcol: .cache/bin/otelcol
.cache/bin/otelcol: test/otelcol/main.go test/otelcol/go.mod test/otelcol/go.sum | need-go
	@echo "building the OpenTelemetry collector (a minute or two, once)"
	@mkdir -p .cache/bin
	@go build -C test/otelcol -o ../../$@ .

.PHONY: test
test: ## install what the tests need (as root), then run them all
	@.ci/layer begin
	@status=0; for l in install build vet lint unit race netns vm; do $(MAKE) layer-$$l || { status=1; break; }; done; \
		.ci/layer summary || status=1; exit $$status

# One target per layer, so that each can be run by itself.
.PHONY: layer-install layer-build layer-vet layer-lint layer-unit layer-race layer-netns layer-vm
layer-install:
	@.ci/layer run install sh -c 'test/install.sh && test/need-root'
layer-build: need-go
	@.ci/layer run build $(MAKE) build otelcol
layer-vet: need-go
	@.ci/layer run vet go vet ./...
layer-lint: need-go
	@.ci/layer run lint .ci/lint run ./...
layer-unit: need-go
	@.ci/layer gotest unit -timeout 20m $$($(UNIT))
layer-race: need-go
	@CGO_ENABLED=1 .ci/layer gotest race -race -timeout 20m $$($(RACED))
layer-netns: need-go
	@$(if $(call HAS,test/netns),STREAM=1 .ci/layer gotest netns -timeout 20m ./test/netns/...)
layer-vm: need-go
	@$(if $(call HAS,test/vm),STREAM=1 .ci/layer gotest vm -timeout 30m ./test/vm/...)

.PHONY: unit race netns vm
unit: layer-unit ## the tests that need nothing
race: layer-race ## the same under the race detector, where there are goroutines
netns: layer-netns ## the tests in network namespaces (root)
vm: layer-vm ## the tests on a kernel of their own

.PHONY: vet lint format
vet: need-go ## go vet
	go vet ./...
lint: need-go ## golangci-lint at the pinned version
	.ci/lint run ./...
format: need-go ## gofumpt and goimports over everything
	.ci/lint fmt ./...

.PHONY: fuzz
fuzz: need-go ## every fuzz target for FUZZTIME (60s)
	@{ grep -rlE --include='*_test.go' '^func Fuzz' . || true; } | sort | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			echo "=== fuzz $$(dirname "$$file") $$target for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
		done; \
	done

# SOAK and FIRST say how many random runs are played, and from which seed on;
# PACKETS how many spoiled packets the receive path gets.
SOAK    ?= 2000000
FIRST   ?= 100000
PACKETS ?= 10000000
.PHONY: soak
soak: need-go ## the laws over SOAK more random runs, and PACKETS spoiled packets
	go test -count=1 -timeout 0 ./test/sim -run '^TestLaws$$' -v -args -runs $(SOAK) -first $(FIRST)
	go test -count=1 -timeout 0 ./engine/vrrp -run '^TestSpoiled$$' -v -args -packets $(PACKETS)

.PHONY: bench
bench: build ## benchmarks: ours with allocations, then side by side with keepalived (root)
	go test -run '^$$' -bench . -benchmem $$($(UNIT))
	$(if $(call HAS,test/bench),test/install.sh && go run ./test/bench)

.PHONY: golden
golden: need-go ## rewrite the golden files; read the diff as a change of behaviour
	@{ grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . || true; } | xargs -r -n 1 dirname | sort -u | \
		while read -r dir; do go test -count=1 "$$dir" -update; done
	@git status --short -- '*testdata*' '*transcripts*' '*.golden'

.PHONY: demo
demo: need-go ## two directors, one dies: the failover seen through every exit (root)
	@test/install.sh
	@$(MAKE) build otelcol
	@test/need-root && go run ./test/demo

.PHONY: dist
dist: build ## dist/: a tarball of the binaries, units and examples, with its checksum
	@.ci/dist '$(VERSION)'

.PHONY: clean
clean: ## remove what was built; the cached linter stays
	rm -rf bin dist .cache/layers

.PHONY: need-go
need-go:
	@.ci/need-go

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
