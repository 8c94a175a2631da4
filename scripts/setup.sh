#!/bin/bash
# setup.sh: everything that building and testing Strata needs, on Debian 12 (written for Ubuntu
# 24.04 too, untried there).
#   1. packages of the distribution, by apt-get (as root, or with sudo)
#   2. LibTorch 2.11.0 into third_party/libtorch; not if LIBTORCH_ROOT names your own
#   3. CUDA's small runtime libraries into third_party/nvidia, where the CUDA toolkit lacks them
# Versions and checksums are fixed in scripts/requirements/. What is there already is not touched: a
# second run takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."

kBuildPackages=(
  build-essential cmake ninja-build pkg-config ccache mold unzip ca-certificates
  libyaml-cpp-dev libhdf5-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev libfmt-dev libgtest-dev
  zlib1g-dev libcurl4-openssl-dev libzstd-dev libxxhash-dev libopenmpi-dev openmpi-bin)
kQuickstartPackages=(bible-kjv bible-kjv-text wordnet-base bsdgames) # text, lessons and questions

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

main() {
  local begin=$SECONDS
  install_packages "${kBuildPackages[@]}" "${kQuickstartPackages[@]}"
  install_libtorch
  install_cuda_libraries
  rm -rf third_party/.download
  say "ready ($((SECONDS - begin)) s)"
}

# ---- 1. packages of the distribution

install_packages() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null || fail "no apt-get here; install what corresponds to: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" > /dev/null
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    fail "needs root for: $*"
  fi
}

# ---- 2. LibTorch

install_libtorch() {
  if [ -n "${LIBTORCH_ROOT:-}" ]; then
    say "LibTorch is yours, in $LIBTORCH_ROOT"
    return
  fi
  local stamp=third_party/libtorch/.requirements
  cmp -s scripts/requirements/libtorch.txt "$stamp" && return
  say "fetching LibTorch (530 MB, 1.1 GB unpacked)"
  fetch_wheels libtorch
  rm -rf third_party/libtorch
  unzip -q third_party/.download/libtorch/torch-*.whl 'torch/include/*' 'torch/lib/*' \
    -x torch/lib/libtorch_python.so -d third_party/.download
  cp scripts/requirements/libtorch.txt third_party/.download/torch/.requirements
  mv third_party/.download/torch third_party/libtorch
}

# ---- 3. CUDA's runtime libraries

install_cuda_libraries() {
  has_libraries libcudart.so.13 libcupti.so.13 || add_cuda_libraries cuda_runtime
  if command -v nvcc > /dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
    has_libraries libcusparseLt.so.0 libnvshmem_host.so.3 libcufile.so.0 ||
      add_cuda_libraries cuda_extra
  fi
}

has_libraries() {
  local library
  for library in "$@"; do
    compgen -G "third_party/nvidia/*/lib/$library" > /dev/null ||
      [ -e "/usr/local/cuda/lib64/$library" ] || return 1
  done
}

add_cuda_libraries() {
  say "fetching the libraries of scripts/requirements/$1.txt"
  fetch_wheels "$1"
  local wheel
  for wheel in third_party/.download/"$1"/*.whl; do
    unzip -qo "$wheel" 'nvidia/*/lib/*.so*' -d third_party
  done
}

# ---- wheels, by any Python's pip as a mere download client

# fetch_wheels NAME: what scripts/requirements/NAME.txt lists into third_party/.download/NAME,
# checksums compared.
fetch_wheels() {
  local platforms=() platform
  for platform in manylinux_2_28 manylinux_2_25 manylinux_2_17 manylinux2014; do
    platforms+=(--platform "${platform}_x86_64")
  done
  rm -rf "third_party/.download/$1"
  find_pip
  "${pip[@]}" download --quiet --disable-pip-version-check --require-hashes --no-deps \
    --only-binary :all: --python-version 3.11 "${platforms[@]}" \
    -r "scripts/requirements/$1.txt" -d "third_party/.download/$1"
}

# Sets `pip` to a command: the system's, else one in an own virtual environment, else the
# distribution's.
find_pip() {
  if python3 -m pip --version > /dev/null 2>&1; then
    pip=(python3 -m pip)
  elif python3 -m venv third_party/.download/venv > /dev/null 2>&1; then
    pip=(third_party/.download/venv/bin/pip)
  else
    install_packages python3-pip
    pip=(python3 -m pip)
  fi
}

main
