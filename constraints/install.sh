#!/bin/sh
# usage: install.sh PYTHON EXTRA[,EXTRA] [CONSTRAINTS]
# Installs this project with the versions that a file states, by default the one for that Python; "newest" for
# whatever is newest.
set -eu
python=$1 extra=$2
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
file=${3:-constraints/py$version.txt}
if [ -f "$file" ]; then
  # What has no wheel is built with the stated versions, too; pip 25.3 and newer read the second name for that.
  export PIP_CONSTRAINT="$PWD/$file" PIP_BUILD_CONSTRAINT="$PWD/$file"
elif [ "$file" != newest ]; then
  echo "constraints/ states no versions for Python $version: installing the newest that pyproject.toml allows."
fi
pip() {
  "$python" -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager "$@"
}
pip pip setuptools wheel
# gfpgan needs it; its build asks for torch, gigabytes that it does not read, and fails on 3.13.
case $extra:$version in
*:3.13) ;;
*dev*:* | *gfpgan*:*)
  (unset PIP_BUILD_CONSTRAINT && pip --no-build-isolation --no-deps basicsr) ;;
esac
pip --editable ".[$extra]"
