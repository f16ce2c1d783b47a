#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Fuzzes what reads Python's messages, guided by coverage. Ends with an error if it finds anything.
#
#   FUZZ_SECONDS=600 ns3-scratch/bridge/fuzz/run.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."

if ! command -v clang++-14 >/dev/null || ! compgen -G '/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a' >/dev/null; then
  if [[ $(id -u) != 0 ]]; then
    echo "The fuzzer needs clang. Install it with:" >&2
    echo "  sudo apt-get install --no-install-recommends clang-14 libclang-rt-14-dev llvm-14" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends clang-14 libclang-rt-14-dev llvm-14 >/dev/null
fi

folder=.build/fuzz
mkdir -p "$folder/corpus" "$folder/seeds" "$folder/findings"
protoc --proto_path=ns3-scratch/bridge --cpp_out="$folder" qntn.proto
clang++-14 -std=c++20 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
  -Ins3-scratch -isystem "$folder" -o "$folder/fuzz" \
  ns3-scratch/bridge/fuzz/fuzz.cc ns3-scratch/bridge/fuzz/conversation.cc ns3-scratch/bridge/fuzz/stream.cc \
  ns3-scratch/bridge/control-check.cc ns3-scratch/bridge/zmtp-socket.cc \
  "$folder/qntn.pb.cc" -l:libprotobuf.a -lpthread
.venv/bin/python ns3-scratch/bridge/fuzz/seeds.py "$folder/seeds"

status=0
ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 "$folder/fuzz" \
  -max_total_time="${FUZZ_SECONDS:-600}" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
  -artifact_prefix="$folder/findings/" "$folder/corpus" "$folder/seeds" 2>"$folder/log" || status=$?
grep -E 'DONE|^stat::' "$folder/log" || true
if ((status)); then
  tail -60 "$folder/log" >&2
  finding=$(grep -oE 'Test unit written to .*' "$folder/log" | tail -1 | sed 's/.* to //' || true)
  echo "A finding. Repeat it with: $folder/fuzz ${finding:-the input named above}" >&2
  exit 1
fi
echo "No finding in ${FUZZ_SECONDS:-600} s."
