#!/bin/sh
# Runs a part of the suite with an arm64 Python under qemu-user: is the answer right there, never how fast.
#
# Needs qemu-aarch64-static and debootstrap (Debian: qemu-user-static, debootstrap), neither root nor binfmt nor chroot.
# Everything lies in build/arm64: packages of Debian 12 unpacked side by side, from DEBIAN_MIRROR or where debootstrap
# takes them by itself (it checks their signatures),
# and the locked wheels for aarch64 with their hashes. onnxruntime is older there: 1.32 dies on import under this qemu.
set -eu

cd "$(dirname "$0")/../.."
HERE=$(pwd)
BUILD=$HERE/build/arm64
ROOT=$BUILD/root
PYTHON=.venv/bin/python

for program in qemu-aarch64-static debootstrap dpkg-deb; do
    command -v "$program" >/dev/null ||
        { echo "$program is missing: apt install qemu-user-static debootstrap" >&2; exit 2; }
done

if [ ! -e "$ROOT/.made" ]; then
    echo "Fetching an arm64 Python of Debian 12 ..." >&2
    rm -rf "$BUILD/debs" "$ROOT"
    mkdir -p "$BUILD/debs" "$ROOT"
    debootstrap --download-only --arch=arm64 --variant=minbase --include=python3.11,libstdc++6,libgomp1,tzdata \
        bookworm "$BUILD/debs" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$BUILD/debootstrap.log" 2>&1 || { tail -n 5 "$BUILD/debootstrap.log" >&2; exit 1; }
    for deb in "$BUILD"/debs/var/cache/apt/archives/*.deb; do dpkg-deb -x "$deb" "$ROOT"; done
    rm -rf "$BUILD/debs"
    touch "$ROOT/.made"
fi

"$PYTHON" -m tests.arm64.wheels "$BUILD/arm64.lock"
if ! cmp -s "$BUILD/arm64.lock" "$BUILD/site/.lock"; then
    echo "Fetching the locked wheels for aarch64 ..." >&2
    rm -rf "$BUILD/site"
    "$PYTHON" -m pip --disable-pip-version-check --no-input --quiet install --target "$BUILD/site" --no-deps --no-compile \
        --require-hashes --only-binary :all: --implementation cp --python-version 3.11 \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
        -r "$BUILD/arm64.lock"
    cp "$BUILD/arm64.lock" "$BUILD/site/.lock"
fi

emulated() {
    PYTHONPATH=$HERE:$BUILD/site PYTHONPYCACHEPREFIX=$BUILD/compiled PYTHONDONTWRITEBYTECODE= ORT_DISABLE_TELEMETRY=1 \
        qemu-aarch64-static -L "$ROOT" "$ROOT/usr/bin/python3.11" "$@"
}

echo "What the shipped model and the signatures say, here and there ..." >&2
"$PYTHON" -m tests.arm64.answers >"$BUILD/here.json"
emulated -m tests.arm64.answers >"$BUILD/there.json"
"$PYTHON" -m tests.arm64.answers --compare "$BUILD/here.json" "$BUILD/there.json"

[ "$#" -gt 0 ] || set -- $(sed -e 's/#.*//' tests/arm64/tests.txt)
echo "The suite, as far as tests.txt or the command line says ..." >&2
emulated -m pytest -q -p no:cacheprovider --override-ini "timeout=900" --basetemp "$BUILD/tmp" "$@"
