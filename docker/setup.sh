#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Prepares .venv in the clone with everything that qntn needs, and builds qntn into it.
# Quick when nothing has changed. Usage: docker/setup.sh    (PYTHON=... picks the interpreter)
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
packages=(g++ cmake ninja-build libzmq3-dev cppzmq-dev libprotobuf-dev protobuf-compiler nlohmann-json3-dev doctest-dev git)
if [[ -z $python || $python == /usr/bin/* ]]; then
  packages+=(python3 python3-dev python3-venv)
fi

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  if [[ $(id -u) != 0 ]]; then
    echo "Some packages are missing. Install them with:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  python=${python:-/usr/bin/python3}
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "$python is $("$python" --version); qntn needs Python 3.11 or newer: set PYTHON=/path/to/python3.11" >&2
  exit 1
}

stamp=$(cat docker/requirements.lock | sha256sum)
if [[ ! -f .venv/locked || $(<.venv/locked) != "$stamp" ]]; then
  echo "Installing Python packages into .venv"
  rm -rf .venv
  "$python" -m venv .venv
  grep '^ns3==' docker/requirements.lock | .venv/bin/pip install -q --no-deps -r /dev/stdin
  grep -v '^ns3==' docker/requirements.lock | .venv/bin/pip install -q -r /dev/stdin
  echo "$stamp" >.venv/locked
fi

stamp=$(cat pyproject.toml $(git ls-files '*CMakeLists.txt' '*.cmake') | sha256sum)
if [[ ! -f .venv/built || $(<.venv/built) != "$stamp" || ! -d .build ]]; then
  echo "Building qntn (a few minutes the first time)"
  .venv/bin/pip install -q --no-build-isolation --no-deps -e . -Ccmake.define.QNTN_TESTS=ON
  echo "$stamp" >.venv/built
else
  .venv/bin/qntn build --quiet
fi
