#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Whatever follows the image's name is a command of qntn; the demo writes into the mounted folder.
set -eu
if [ "${1:-}" = demo ]; then
  shift
  exec qntn demo --out /results "$@"
fi
exec qntn "$@"
