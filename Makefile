.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run build test lint bench bench-redis fuzz clean tools demo-test

ARGS ?=
FUZZTIME ?= 20s

peers := cmd/parley-bench/peers

# Each directory with Node packages has a stamp, which its lock file outdates.
installed := $(patsubst %/package-lock.json,%/node_modules/.installed,$(wildcard \
	client-demo/package-lock.json server/e2e/js/package-lock.json $(peers)/package-lock.json))
demo := client-demo/dist/index.html
demo_sources := $(wildcard client-demo/*.json client-demo/*.ts client-demo/index.html client-demo/public/*) \
	$(shell find client-demo/src -type f)
go_files = $(shell find . -name node_modules -prune -o -name '*.go' -print)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(demo) ## start Parley with its demo page on http://127.0.0.1:3000 (ARGS="--addr …")
	go build -trimpath -o bin/ ./cmd/parley
	bin/parley $(ARGS)

build: $(demo) ## put bin/parley and bin/parley-bench
	go build -trimpath -o bin/ ./cmd/parley ./cmd/parley-bench

test: tools $(installed) lint demo-test $(demo) ## all checks and tests; installs what they need
	go test -race -shuffle=on -count=1 ./...

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $(go_files)); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

bench: build $(peers)/node_modules/.installed ## Parley beside socket.io on Node and on Bun (ARGS="--scale 0.1")
	bin/parley-bench run $(ARGS) \
		--server 'parley=bin/parley-bench serve --addr {addr}' \
		--server 'node=node $(peers)/node.mjs {addr}' \
		--server 'bun=$(peers)/node_modules/.bin/bun $(peers)/bun.mjs {addr}'

bench-redis: build $(peers)/node_modules/.installed ## two servers over one Redis, Parley beside Node, with each adapter (ARGS="--scale 0.1")
	for wire in pubsub sharded streams; do \
		bin/parley-bench run --scenarios across,flood $(ARGS) \
			--server "parley-$$wire=bin/parley-bench serve --addr {addr} --redis {redis} --adapter $$wire" \
			--server "node-$$wire=node $(peers)/node-redis.mjs {addr} {redis} $$wire" || exit; \
	done

fuzz: ## each fuzz target for FUZZTIME=20s
	.ci/fuzz $(FUZZTIME)

clean: ## remove what was built and installed
	rm -rf bin client-demo/dist/assets client-demo/dist/favicon.svg $(demo) $(dir $(installed))

tools:
	@.ci/tools

demo-test: client-demo/node_modules/.installed
	cd client-demo && npm test

$(demo): client-demo/node_modules/.installed $(demo_sources)
	cd client-demo && npm run build

%/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
