#!/bin/sh
# The program into the package's root ($1): a virtual environment made for /opt/restock, and two commands. No network.
set -eu
root=$1
place=/opt/restock
home=$root$place
pip="../tools/bin/python -m pip --disable-pip-version-check --no-input --quiet --no-cache-dir"

"$DEB_PYTHON" -m venv --without-pip "$home"
$pip --python "$home/bin/python3" install --no-compile --no-index --find-links wheels --require-hashes --no-deps \
    -r installed.lock
$pip --python "$home/bin/python3" install --no-compile --no-index --no-deps own/restock-*.whl

# What was made for the place where it was built: only the interpreter and the libraries stay.
rm -rf "$home/bin" "$home/include" "$home/lib64" "$home/share"
mkdir "$home/bin"
ln -s /usr/bin/python3 "$home/bin/python3"
find "$home" -path '*.dist-info/direct_url.json' -delete
version=$("$DEB_PYTHON" -c 'import platform; print(platform.python_version())')
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$version" >"$home/pyvenv.cfg"
# Compiled here, since nobody may write there; hashes instead of times, so that the same input makes the same package.
# What libraries bring to test or convert models is never loaded.
"$DEB_PYTHON" -m compileall -q -x '/(tests|testing|transformers|quantization)/' -s "$root" --invalidation-mode unchecked-hash "$home/lib" || {
    echo "a library holds a module that this Python cannot compile" >&2
    exit 1
}
# Nor may anybody keep compiled profiles there later.
"$home/bin/python3" -I -m edge_agent profiles compile >/dev/null

mkdir -p "$root/usr/bin" "$root/etc/restock"
for each in hub:edge_agent bridge:cloud_bridge; do
    command=$root/usr/bin/restock-${each%%:*}
    printf '#!%s/bin/python3 -I\nimport sys\n\nfrom %s.__main__ import main\n\nsys.exit(main())\n' \
        "$place" "${each##*:}" >"$command"
    chmod 0755 "$command"
done
cp debian/hub.toml debian/bridge.toml "$root/etc/restock/"
