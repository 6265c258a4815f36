#!/bin/sh
# Build the sdist, the wheel from the sdist, and use the wheel as a stranger would: no source tree, no extras, only
# what it declares. $1 is the project's virtual environment.
set -eu
bin=$1/bin
rm -rf dist
"$bin/uv" build --quiet --no-build-isolation --python "$bin/python" --out-dir dist
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"$bin/uv" venv --quiet --python "$bin/python" "$empty/venv"
"$bin/uv" pip install --quiet --python "$empty/venv" --constraint requirements/dev.txt dist/*.whl
cd "$empty"
venv/bin/python -c 'import garrison, sys; assert garrison.__file__.startswith(sys.prefix), garrison.__file__'
venv/bin/garrison --help >/dev/null
echo "The wheel installs in an empty environment, imports there, and answers --help."
