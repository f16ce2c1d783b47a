#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs everything that qntn needs, and qntn itself. Quick when nothing has changed.
#
#   docker/setup.sh            into .venv of the clone, editable, with the C++ tests
#   docker/setup.sh --image    into /opt/qntn, to be copied into an image
#
# PYTHON=... picks the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
[[ ${1:-} == --image ]] && venv=/opt/qntn
python=${PYTHON:-$(command -v python3.11 || command -v python3 || echo /usr/bin/python3)}

packages=(g++ cmake ninja-build libzmq3-dev cppzmq-dev libprotobuf-dev protobuf-compiler nlohmann-json3-dev doctest-dev)
[[ $venv == .venv ]] && packages+=(curl) # a test runs the key server's example
[[ $python == /usr/bin/* ]] && packages+=(python3 python3-dev python3-venv)
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
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$python is $("$python" --version); qntn needs Python 3.11 or newer: set PYTHON=/path/to/python3.11" >&2
  exit 1
fi

stamp=$(sha256sum docker/requirements.lock)
if [[ ! -f $venv/locked || $(<"$venv/locked") != "$stamp" ]]; then
  echo "Installing Python packages into $venv"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
  "${pip[@]}" --no-deps "$(grep '^ns3==' docker/requirements.lock)"
  grep -v '^ns3==' docker/requirements.lock >"$venv/requirements.txt"
  "${pip[@]}" -r "$venv/requirements.txt"
  echo "$stamp" >"$venv/locked"
fi

pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps)
if [[ $venv != .venv ]]; then
  "${pip[@]}" .
  "$venv/bin/python" -m pip uninstall --quiet --yes ns3 # the libraries that qntn needs travel inside it
  exit
fi
recipes=$(find pyproject.toml ns3-scratch pybridge -name 'pyproject.toml' -o -name 'CMakeLists.txt' -o -name '*.cmake' | sort)
modules=$(find agents pybridge -name '*.py' | sort) # an editable install knows where each one was
stamp=$({ xargs cat <<<"$recipes"; echo "$modules"; } | sha256sum)
if [[ ! -f .venv/built || $(<.venv/built) != "$stamp" || ! -d .build ]]; then
  echo "Building qntn (minutes the first time)"
  "${pip[@]}" -e . --config-settings=cmake.define.QNTN_TESTS=ON
  echo "$stamp" >.venv/built
else
  .venv/bin/qntn build --quiet
fi
