# muster: `make run` tries it on this machine, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The agent speaks HTTP/1.1 alone; without inlining it is 0.9 MB smaller and as fast as can be measured.
AGENT_FLAGS := -trimpath -tags nethttpomithttp2 -gcflags=all=-l
AGENT_PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
TOOLS := $(CURDIR)/bin/tools

.PHONY: help build run test check unit race lint generate generate-check cross packages fuzz bench lab setup clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

build: ## the programs, in bin/
	@mkdir -p bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/muster-collector ./cmd/muster-scanner ./cmd/muster ./cmd/muster-release
	CGO_ENABLED=0 go build $(AGENT_FLAGS) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/muster-agent ./cmd/muster-agent-upgrade

run: build ## a collector with its data in .muster/ and this machine's agent; Ctrl-C ends both
	@tools/run.sh

test: setup build check lint generate-check cross $(TOOLS)/nfpm race ## everything: set-up, checks, linters, generated code, all platforms, all tests

setup: ## what the tests need on this machine (apt as root, else says what is missing)
	@tools/setup.sh

check: ## formatting and module files
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofmt'ed: $$out"; exit 1; }
	go mod tidy -diff
	go vet ./...

race: ## all tests, with the race detector
	go test -race -timeout 20m ./...

unit: ## the quick tests only
	go test -short ./...

lint: $(TOOLS)/golangci-lint ## golangci-lint with .golangci.yml
	$(TOOLS)/golangci-lint run --timeout 15m

generate: $(TOOLS)/buf ## the code that is made from proto/
	cd proto && PATH="$(TOOLS):$$PATH" buf lint && PATH="$(TOOLS):$$PATH" buf generate

generate-check: generate ## is the committed generated code current?
	@git diff --exit-code --stat -- proto || { echo 'generated code is not current: run make generate and commit'; exit 1; }

cross: ## the agent for all six platforms, without cgo
	@for p in $(AGENT_PLATFORMS); do echo "muster-agent $$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build $(AGENT_FLAGS) -ldflags '$(LDFLAGS)' -o bin/cross/$${p%/*}-$${p#*/}/ ./cmd/muster-agent ./cmd/muster-agent-upgrade || exit 1; done

packages: setup $(TOOLS)/nfpm ## deb, rpm, apk, arch, MSI and macOS packages, in dist/
	rm -rf dist
	VERSION=$(VERSION) packaging/build.sh dist
	@ls -l dist

fuzz: ## every fuzz test for a few seconds (FUZZTIME=10s)
	@tools/fuzz.sh $(or $(FUZZTIME),10s)

bench: ## the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

clean: ## what was built; .muster/ with the data stays
	rm -rf bin dist

$(TOOLS)/buf: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	cd tools && GOBIN=$(TOOLS) go install connectrpc.com/connect/v2/cmd/protoc-gen-connect-go github.com/bufbuild/buf/cmd/buf google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

$(TOOLS)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@mkdir -p $(TOOLS)
	cd tools/lint && GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(TOOLS)/nfpm: tools/package/go.mod tools/package/go.sum
	@mkdir -p $(TOOLS)
	cd tools/package && GOBIN=$(TOOLS) go install github.com/goreleaser/nfpm/v2/cmd/nfpm
	@touch $@
