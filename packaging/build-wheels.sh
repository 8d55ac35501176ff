#!/bin/sh
# What nobody publishes as a wheel, built by the tools of requirements/build.lock, which stay in WORK/tools: ours into
# WORK/own, libraries of the lock into WORK/built. WORK/installed.lock is the lock that knows these by their hashes, too.
set -eu
work=$1
source_only=http-ece # of pywebpush
"${DEB_PYTHON:-python3}" -m venv "$work/tools"
pip="$work/tools/bin/python -m pip --disable-pip-version-check --no-input --quiet"
$pip install --require-hashes --only-binary :all: -r requirements/build.lock
$pip wheel --no-deps --no-build-isolation --wheel-dir "$work/own" .

awk -v name="$source_only==" '/^[^ ]/ { wanted = index($0, name) == 1 } wanted' requirements/installed.lock >"$work/source.lock"
$pip wheel --require-hashes --no-binary :all: --no-deps --no-build-isolation -r "$work/source.lock" --wheel-dir "$work/built"
sum=$(sha256sum "$work"/built/*.whl)
awk -v name="$source_only==" -v sum="${sum%% *}" \
    '{ print } index($0, name) == 1 { print "    --hash=sha256:" sum " \\" }' requirements/installed.lock >"$work/installed.lock"
