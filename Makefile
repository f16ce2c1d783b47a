# SPDX-License-Identifier: GPL-2.0-only
# make demo    set everything up and run the main job      make test   set up what is missing, run all tests
# make setup   only prepare .venv                          make bench  measure (not part of the tests)
BIN := .venv/bin

.PHONY: demo test lint setup bench clean
demo: setup
	$(BIN)/qntn demo --out results/demo

test: setup lint
	ctest --test-dir .build/cp* --output-on-failure
	$(BIN)/pytest

lint: setup
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

setup:
	@docker/setup.sh

bench: setup
	$(BIN)/qntn bench steps

clean:
	rm -rf .venv .build results runs
