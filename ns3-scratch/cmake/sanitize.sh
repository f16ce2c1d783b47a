#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds the C++ tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them; then the
# turn-taking between two threads with ThreadSanitizer. Files are compiled one by one here, so that none lives on what
# another one includes.
#
# The libraries of the ns-3 wheel are not instrumented, so two checks cannot hold across them:
#   vptr      compares type information of ns-3's objects, which the wheel's libraries keep to themselves
#   races     in ns-3's own code would be reported without their locks: only the bridge's tests of two
#             threads, which use nothing of ns-3, run under ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/../.."

build() { # folder, flags, targets
  local folder=.cache/$1 flags=$2
  shift 2
  cmake -S ns3-scratch -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DQNTN_TESTS=ON -DQNTN_PYTHON=OFF -DQNTN_UNITY=OFF \
    -DPython_EXECUTABLE="$PWD/.venv/bin/python" -DCMAKE_CXX_FLAGS="-O1 -g1 -fno-omit-frame-pointer $flags" >/dev/null
  cmake --build "$folder" --target "$@"
}

libraries=(orbit ran qkd metaverse bridge)
build sanitize "-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined" "${libraries[@]/#/test-}"
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1
export UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir .cache/sanitize --output-on-failure

build thread "-fsanitize=thread" test-bridge
TSAN_OPTIONS=halt_on_error=1 .cache/thread/bridge/test-bridge --source-file='*wait-test*,*zmtp-socket-test*'
