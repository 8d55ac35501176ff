#!/bin/sh
# Builds dist/restock_VERSION_ARCHITECTURE.deb for the Debian release and the architecture that it runs on.
#
# What is downloaded is checked against requirements/*.lock, all of it before the package is put together. The package is
# bound to this release's Python, because compiled wheels are. Needs: dpkg-dev, debhelper, fakeroot, python3-venv.
set -eu
umask 022
cd "$(dirname "$0")/../.."
: "${DEB_PYTHON:=/usr/bin/python3}" # Debian's own: the household's machine has no other
for tool in dpkg-buildpackage dh fakeroot; do
    command -v "$tool" >/dev/null || {
        echo "make deb: $tool is missing; install dpkg-dev, debhelper, fakeroot and python3-venv" >&2
        exit 2
    }
done

work=build/deb
tree=$work/restock
pip="$work/tools/bin/python -m pip --disable-pip-version-check --no-input --quiet"
rm -rf "$work"
mkdir -p "$tree/wheels" "$tree/doc" dist
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export DEB_PYTHON SOURCE_DATE_EPOCH
sh packaging/build-wheels.sh "$work"
$pip download --require-hashes --only-binary :all: --no-deps --find-links "$work/built" -r "$work/installed.lock" \
    --dest "$tree/wheels"

wheel=$(basename "$work"/own/restock-*.whl)
version=${wheel#restock-}
version=${version%%-*}
release=$(. /etc/os-release && echo "${VERSION_ID:-0}")
cp -R packaging/deb/debian "$tree/debian"
cp packaging/systemd/restock-hub.service "$tree/debian/restock.restock-hub.service"
cp packaging/systemd/restock-bridge.service "$tree/debian/restock.restock-bridge.service"
cp -R "$work/own" "$work/installed.lock" "$tree/"
cp README.md CHANGELOG.md docs/install.md docs/operator.md docs/household.md "$tree/doc/"
cat >"$tree/debian/changelog" <<ENTRY
restock ($version+deb$release) stable; urgency=medium

  * What changed stands in CHANGELOG.md.

 -- Restock <restock@localhost>  $(date -R --utc --date="@$SOURCE_DATE_EPOCH")
ENTRY
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --root-command=fakeroot)
mv "$work"/restock_*.deb dist/
ls dist/restock_*.deb
