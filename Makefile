# packetboat: `make` lists what can be done here. Needed: Go, git, make.

SHELL := /bin/sh

GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := .local/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The Cloud Storage client's way over gRPC, which nothing here uses, would bring Envoy's API: 13 MB of the binary.
TAGS := disable_grpc_modules

# A cluster is used only if it is named on make's own command line: a KUBECONFIG
# that is merely exported may be anybody's production.
ifeq ($(origin KUBECONFIG),command line)
NAMED_KUBECONFIG := $(KUBECONFIG)
endif
unexport KUBECONFIG

# The race detector needs a C compiler.
RACE := $(shell if command -v "$$(go env CC)" >/dev/null 2>&1; then echo -race; fi)
TEST := go test $(RACE) -timeout 30m
# What builds a release compresses and hashes hundreds of megabytes: under the race detector that is most of all tests' time.
# It allocates by itself, too, so that allocations are counted without it.
PACKAGES = $$(go list ./... | grep -v -e /deploy/dist -e /core/bench)
TEST_DIST := CGO_ENABLED=0 go test -timeout 30m ./deploy/dist/... ./core/bench
# What a binary without the clouds' SDKs says of them.
TEST_SLIM := CGO_ENABLED=0 go test -timeout 30m -tags slim,$(TAGS) ./entrypoints/app/cluster ./entrypoints/app/configsource ./entrypoints/app/secrets

IMAGE := go run ./deploy/dist/cmd/dist -version '$(VERSION)' -push '$(PUSH)' -image-tags '$(IMAGE_TAGS)' -base '$(BASE)'

LOCAL := go run ./deploy/local/cmd/local
UP_FLAGS := $(if $(EVENT_TTL),--event-ttl $(EVENT_TTL)) $(if $(COMPACTION_INTERVAL),--compaction-interval $(COMPACTION_INTERVAL))

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: build ## the demo: a cluster on this machine, its events, two runs; with KUBECONFIG=FILE, your cluster, read only
	@deploy/local/demo/demo.sh '$(NAMED_KUBECONFIG)' $(UP_FLAGS)

.PHONY: build
build: ## build bin/packetboat, one static file
	@echo "building bin/packetboat $(VERSION)"
	@CGO_ENABLED=0 go build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/packetboat ./entrypoints/packetboat

.PHONY: dist
dist: ## build all that a release holds, into dist/, or FILES="packetboat-linux-arm64 ..." of it
	@go run ./deploy/dist/cmd/dist -version '$(VERSION)' $(FILES)

.PHONY: image
image: ## build the command's image into dist/; PUSH=registry/name:tag IMAGE_TAGS=slim,aws BASE=name@sha256:...
	@$(IMAGE) packetboat-image.tar

.PHONY: function-image
function-image: ## the same for the Cloud Function's server, for Cloud Run
	@$(IMAGE) packetboat-function-image.tar

.PHONY: test
test: controlplane ## all tests, against a real API server that they start themselves
	$(if $(RACE),,@echo "no C compiler found: the race detector is off")
	$(TEST) $(PACKAGES)
	$(TEST_DIST)
	$(TEST_SLIM)

.PHONY: live
live: controlplane ## the same suites at full length: LIVE=1 for CI, LIVE=all for every count
	@deploy/local/demo/peers.sh
	LIVE=$(or $(LIVE),1) $(TEST) $(PACKAGES)
	LIVE=$(or $(LIVE),1) $(TEST_DIST)

.PHONY: soak
soak: controlplane ## 20 minutes of simulated life of `packetboat watch`, with faults; SOAK=2m SOAK_SEED=N
	SOAK=$(or $(SOAK),20m) go test $(RACE) -timeout 60m -count 1 -v -run TestSoak ./entrypoints/soak

.PHONY: bench
bench: build controlplane ## what reading EVENTS=100000 takes, beside a bare client-go reader; ROUNDS=3
	go test -run '^$$' -bench . ./core/bench ./core/source
	go run ./deploy/bench/cmd/bench -events $(or $(EVENTS),100000) -rounds $(or $(ROUNDS),3) -json bin/bench.json

.PHONY: bench-record
bench-record: build controlplane ## the same, and writes the tables in the documentation anew
	go run ./deploy/bench/cmd/bench -events $(or $(EVENTS),100000) -rounds $(or $(ROUNDS),3) -record

.PHONY: lint
lint: $(GOLANGCI_LINT) ## vet, static analysis, formatting and the import rule
	$(GOLANGCI_LINT) run ./...
	$(GOLANGCI_LINT) fmt --diff

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## format the code
	$(GOLANGCI_LINT) fmt

.PHONY: docs
docs: ## write the generated parts of the documentation anew; a test says when they are old
	go test ./sinks/all ./core/metrics -run TestTheTableInTheReadmeIsTrue -update
	go test ./entrypoints/app -run TestSchemaFactsAreTrue -update
	go test ./deploy/helm -run TestValuesSchemaAndTableAreOne -update

.PHONY: previews
previews: ## draw what the receivers for people send, for their READMEs; pictures need chromium
	go run ./entrypoints/previews

.PHONY: local-up
local-up: ## start etcd and Kubernetes on loopback, write .local/kubeconfig; EVENT_TTL=10m COMPACTION_INTERVAL=30s
	@$(LOCAL) up $(UP_FLAGS)

.PHONY: local-down
local-down: ## stop what local-up started
	@$(LOCAL) down

.PHONY: controlplane
controlplane:
	@$(LOCAL) build

$(GOLANGCI_LINT):
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION), once: about 3 minutes on two cores"
	@mkdir -p $(@D)/new
	@GOBIN=$(CURDIR)/$(@D)/new GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(@D)/new/golangci-lint $@
