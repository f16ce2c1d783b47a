# SPDX-License-Identifier: GPL-2.0-only
# make demo    set everything up and run the main job      make test   set up what is missing, run all tests
# make setup   only prepare .venv                          make bench  measure (not part of the tests)
# make fuzz    fuzz the C++ decoder for FUZZ_SECONDS=600   make sanitize   C++ tests under sanitizers
BIN := .venv/bin

.PHONY: demo test lint ctest setup bench fuzz sanitize clean
demo: setup
	$(BIN)/qntn demo --out results/demo

test: setup
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint ctest
	$(BIN)/pytest --numprocesses $$(nproc) --maxprocesses 4 --dist worksteal

lint: setup
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

ctest: setup
	ctest --test-dir .build/cp* --output-on-failure --parallel $$(nproc)

setup:
	@docker/setup.sh

bench: setup
	$(BIN)/qntn bench bridge
	$(BIN)/qntn bench starts
	$(BIN)/qntn bench steps
	$(BIN)/qntn bench training
	$(BIN)/qntn bench ran
	$(BIN)/qntn bench qkd

fuzz: setup
	@ns3-scratch/bridge/fuzz/run.sh

sanitize: setup
	@ns3-scratch/cmake/sanitize.sh

clean:
	rm -rf .venv .build results runs
