# The two that a newcomer types: `make demo` and `make test`. `make help` lists all.

# One build cache for tests, tools and functions: -trimpath builds do not share one with others.
export GOFLAGS := -trimpath -buildvcs=false

BIN := .build/bin
CELLCTL := $(BIN)/cellctl
LOCALCLOUD := $(BIN)/localcloud
GOLANGCI := $(BIN)/golangci-lint
# What cellctl is built from, for `cellctl version`: -buildvcs=false keeps Go from writing it.
REVISION = $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
# The race detector needs a C compiler; a machine without one still runs every test.
RACE := $(if $(shell command -v $$(go env CC) 2>/dev/null),-race)
# make lint vets. go test on its own would vet all that a test is built from once more, and again for the race detector.
UNRACED := go test -vet=off -shuffle=on
TEST := $(UNRACED) $(RACE)
# Twice as many quick packages at a time as there are processors: some wait for processes that they have started.
AT_A_TIME = $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# The packages whose tests deploy to local clouds of their own, and keep them busy for minutes. Every other one is quick.
CLOUDS := $(addprefix cellular/local/,alarmtest movetest partstest enginetest routertest authtest probetest)
# Two more, that load and disturb a cloud from many sides at a time: the race detector watches what one process has of it.
CROWDED := $(addprefix cellular/local/,soaktest e2e)
# The packages whose models of the whole system take minutes: a fifth of their checks is quick (testing.Short). The race
# detector makes them six times as dear, and sees those that do several things at a time: evacuations.
MODELS := cellular/internal/operator/move cellular/stack
QUICK = $(filter-out $(CLOUDS) $(CROWDED) $(MODELS),$(shell go list ./...))

.DEFAULT_GOAL := help
.PHONY: help demo local test test-slow soak lint licences bench setup clean cellctl localcloud

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: localcloud ## bring the system up on the local cloud, send examples/ through it, check, take it down
	@exec $(LOCALCLOUD) demo

local: localcloud cellctl ## the same cloud, left running; Ctrl-C takes it down; JSON=1 prints the log's lines as they are
	@exec $(LOCALCLOUD) up $(if $(JSON),--json)

test: setup ## set up what is missing and run the quick tests: all but those of test-slow
	$(TEST) -timeout 15m -p $(AT_A_TIME) $(QUICK)
	$(UNRACED) -timeout 15m -short $(MODELS)
	$(TEST) -timeout 15m -short -run Evacuat cellular/internal/operator/move
	cd tools && go test ./...

# Three packages at a time: the clouds wait more than they work.
test-slow: setup ## run the models in full, and the tests that deploy to local clouds of their own
	$(TEST) -timeout 40m -p 2 $(CROWDED)
	$(UNRACED) -timeout 40m -p 3 $(MODELS) $(CLOUDS)

setup: localcloud ## install what the local cloud needs: the Pulumi engine and the AWS emulator
	@$(LOCALCLOUD) setup

soak: setup ## two minutes of 50 writers, with processes killed and frozen: every event accounted for; then two without a fault: no alarm fires
	SOAK=2m go test -count=1 -v -timeout 20m ./local/soaktest

lint: ## gofmt, go vet, the linters of .golangci.yml, go mod tidy, licences of what is used
	@test -z "$$(gofmt -l .)" || { echo "gofmt: these files need formatting:"; gofmt -l .; exit 1; }
	go vet ./...
	cd tools/lint && go build -o ../../$(GOLANGCI) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	$(GOLANGCI) run ./...
	go mod tidy -diff
	cd tools && go mod tidy -diff
	cd tools/lint && go mod tidy -diff
	cd tools && go run ./licences -check ..

licences: ## list the licences of what is used in docs/licences.md
	cd tools && go run ./licences ..

bench: ## measure against baselines, into a table and bench.json; BENCH="-run 'tenant|fairness'" for a part
	@go build -o $(BIN)/bench ./bench
	@exec $(BIN)/bench $(BENCH)

clean: ## remove everything that the other targets made
	rm -rf .build .local

cellctl: ## build the operator's command, .build/bin/cellctl
	@go build -ldflags '-X main.stamp=$(REVISION)' -o $(CELLCTL) ./cmd/cellctl

localcloud:
	@go build -o $(LOCALCLOUD) ./cmd/localcloud
