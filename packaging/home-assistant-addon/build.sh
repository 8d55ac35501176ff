#!/bin/sh
# dist/restock-addon: what the Supervisor builds the add-on from.
set -eu
umask 022
cd "$(dirname "$0")/../.."
work=build/addon
out=dist/restock-addon
rm -rf "$work" "$out"
mkdir -p "$work" "$out"
sh packaging/build-wheels.sh "$work"
cp "$work"/own/*.whl "$work"/built/*.whl "$work/installed.lock" "$out/"
cd packaging/home-assistant-addon
cp config.yaml Dockerfile start.py DOCS.md "../../$out/"
echo "$out"
