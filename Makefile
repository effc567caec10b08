# Every target of CI is a target here: `.ci/run` does nothing but install tools and call make.

GO     ?= go
TOOLS  := $(CURDIR)/.tools
BIN    := $(CURDIR)/bin
export PATH := $(TOOLS)/bin:$(PATH)

# Pinned: a new version is a commit of its own.
GOLANGCI_LINT := v2.15.0
RCLONE        := v1.75.1
RESTIC        := v0.19.1
KOPIA         := v0.22.3
VERSITYGW     := v1.8.0
AXE           := 4.14.1

# How long each fuzz target runs under `make fuzz`: with 90s all of them take about an hour.
FUZZTIME ?= 20s

# Without a bound Go makes each input of new coverage smaller for a minute, in which nothing else is tried. Where
# coverage depends on the scheduler, that is most of the time.
FUZZ = $(GO) test -run '^$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 2s

# Where `make test` and `make race` keep their files: in memory if there are 4 GiB for them, because on a disk the tests
# spend most of their time in fsync. `make e2e` and `make torture` use the disk. `make test SCRATCH=/var/tmp` chooses
# another folder.
SCRATCH ?= $(shell df -Pk /dev/shm 2> /dev/null | awk 'NR > 1 && $$4 > 4194304 { print "/dev/shm" }')

# What `make torture` does: a seed of its own each time, and so many operations; with BUCKET, an s3: URL, there.
SEED ?= $(shell date +%s)
OPS  ?= 2000
BUCKET ?=

# rclone's own suites that run against the drive.
RCLONE_SUITES := ./backend/webdav ./fs/sync ./fs/operations ./vfs

.PHONY: help run build linkpage vet test race e2e litmus suites lint fuzz vectors bench bench-remote torture cover cross tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, make an account if there is none, serve http://127.0.0.1:8090
	@exec $(BIN)/postern serve $(ARGS)

build: linkpage ## build bin/postern
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/postern ./cmd/postern

# The link page's reader for browsers, which postern embeds. It has the Go version of the tests, so it is not committed.
LINKPAGE := cmd/postern/linkpage/built
linkpage: ## build the reader of secret links for browsers, which build embeds
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags='-s -w' -o $(LINKPAGE)/reader.wasm ./cmd/linkreader
	gzip -9 -n -f $(LINKPAGE)/reader.wasm
	cp "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" $(LINKPAGE)/wasm_exec.js
	chmod u+w $(LINKPAGE)/wasm_exec.js

vet: ## go vet, with the end-to-end tests
	$(GO) vet ./...
	$(GO) vet -tags e2e ./cmd/e2e/
	GOOS=js GOARCH=wasm $(GO) vet ./cmd/linkreader

test race: export TMPDIR := $(or $(SCRATCH),$(TMPDIR),/tmp)

test: ## unit, property and story tests
	$(GO) test ./...

race: ## the same under the race detector
	$(GO) test -race -timeout 20m ./...

e2e: build ## real clients, real files, real kills, against the built gateway
	$(GO) test -tags e2e -timeout 20m -v ./cmd/e2e/

litmus: build ## the WebDAV conformance suites
	$(GO) test -tags e2e -count 1 -run TestLitmus -v ./cmd/e2e/

suites: build ## the long third-party suites: rclone's by vendor, litmus, kopia, restic, duplicity, git-annex
	POSTERN_E2E_ALL=1 POSTERN_SUITES=1 $(GO) test -tags e2e -count 1 -timeout 3h -v \
		-run 'TestRcloneSuites|TestLitmus|TestKopia|TestRestic|TestDuplicity|TestGitAnnex|TestFfmpeg' ./cmd/e2e/

lint: ## golangci-lint, and gofmt
	golangci-lint run ./...
	golangci-lint run --build-tags e2e ./cmd/e2e/...
	GOOS=js GOARCH=wasm golangci-lint run ./cmd/linkreader

fuzz: export GOMEMLIMIT ?= 1GiB
fuzz: ## every fuzz target for FUZZTIME; a target fails an input that allocates too much
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; $(FUZZ) -fuzz "^$$target\$$" $$pkg; \
		done; \
	done

vectors: ## write the format's vectors anew; a change of an old one is a change of the format
	$(GO) test ./crypto ./vfs/object -run Vectors -update
	git diff --stat -- '*/testdata/*'

bench: build ## beside Apache, a bare decrypting server, rclone, BASELINE=old/postern; small files over a line of 50 ms
	$(GO) run ./cmd/bench -postern $(BIN)/postern -rclone "$$(command -v rclone || echo $(TOOLS)/bin/rclone)" \
		$(if $(BASELINE),-baseline $(BASELINE)) $(ARGS)
	$(GO) test -run '^$$' -bench LongLine -benchtime 10000x ./cmd/torture

bench-remote: build ## beside rclone crypt, both in one bucket behind a line of 50 ms, then also of 100 Mbit/s
	$(GO) run ./cmd/bench -postern $(BIN)/postern -distance 50ms -size 1024 -rounds 3 $(ARGS)
	$(GO) run ./cmd/bench -postern $(BIN)/postern -distance 50ms -mbit 100 -size 64 -rounds 3 -rows none $(ARGS)

torture: ## random operations on two gateways under kills and faults; SEED=N replays, BUCKET=s3:… in a bucket
	$(GO) run ./cmd/torture -seed $(SEED) -ops $(OPS) -remote '$(BUCKET)'

cover: ## coverage by package
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./... > /dev/null
	$(GO) tool cover -func=cover.out | tail -n 1

cross: ## build for the other systems
	@set -e; for target in darwin/arm64 windows/amd64 linux/arm64 freebsd/amd64; do \
		echo "== $$target"; GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/postern; \
	done

tools: ## install the pinned tools into .tools
	@test -x $(TOOLS)/bin/golangci-lint-$(GOLANGCI_LINT) || { \
		GOBIN=$(TOOLS)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT) && \
		cp $(TOOLS)/bin/golangci-lint $(TOOLS)/bin/golangci-lint-$(GOLANGCI_LINT); }
	@test -x $(TOOLS)/bin/rclone-$(RCLONE) || { \
		GOBIN=$(TOOLS)/bin $(GO) install github.com/rclone/rclone@$(RCLONE) && \
		cp $(TOOLS)/bin/rclone $(TOOLS)/bin/rclone-$(RCLONE); }
	@test -x $(TOOLS)/bin/restic-$(RESTIC) || { \
		GOBIN=$(TOOLS)/bin $(GO) install github.com/restic/restic/cmd/restic@$(RESTIC) && \
		cp $(TOOLS)/bin/restic $(TOOLS)/bin/restic-$(RESTIC); }
	@test -x $(TOOLS)/bin/versitygw-$(VERSITYGW) || { \
		GOBIN=$(TOOLS)/bin $(GO) install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW) && \
		cp $(TOOLS)/bin/versitygw $(TOOLS)/bin/versitygw-$(VERSITYGW); }
	@test -x $(TOOLS)/bin/kopia-$(KOPIA) || { \
		.ci/module-build github.com/kopia/kopia $(KOPIA) build $(TOOLS)/bin . && \
		cp $(TOOLS)/bin/kopia $(TOOLS)/bin/kopia-$(KOPIA); }
	@test -e $(TOOLS)/bin/rclone-tests-$(RCLONE) || { \
		.ci/module-build github.com/rclone/rclone $(RCLONE) test $(TOOLS)/bin $(RCLONE_SUITES) && \
		touch $(TOOLS)/bin/rclone-tests-$(RCLONE); }
	@if command -v npm > /dev/null; then \
		npm install --silent --no-save --no-audit --no-fund --prefix $(TOOLS) axe-core@$(AXE); fi

clean: ## remove what was built
	rm -rf $(BIN) cover.out *.test
	git clean -q -f -X $(LINKPAGE)
