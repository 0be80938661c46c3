#!/usr/bin/env bash
# install-deps.sh [demo|test|ci|docs]...: installs what is missing to build and run the demo, the tests (the default)
# or all configurations of CI, or to build the documentation. Debian 12 or newer, Ubuntu 24.04 or newer; as root, or through sudo.
# What is there already is left as it is, whoever put it there, and no package is ever removed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=$here/../build/deps
PATH=$PATH:/usr/sbin:/sbin

die() {
  echo "install-deps: $*" >&2
  exit 1
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    die "some packages are missing and installing them needs root or sudo: ${missing[*]}"
  fi
}

apt_get() {
  # NEEDRESTART: Ubuntu's dialogue about services to restart. dpkg's progress goes nowhere, errors are shown.
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq -o Dpkg::Use-Pty=0 "$@" < /dev/null > /dev/null
}

known() { [[ $(apt-cache policy "$1" 2> /dev/null) == *Candidate:\ [0-9]* ]]; }

lists_are_fresh=
update_lists() {
  if [[ ! $lists_are_fresh ]]; then
    apt_get update || die "apt-get update failed; is there a way to the package mirror?"
    lists_are_fresh=yes
  fi
}

install() {
  local package
  for package in "$@"; do
    known "$package" || update_lists
  done
  # A second try with fresh lists: old ones name versions that the mirror no longer has.
  apt_get install -y --no-install-recommends --no-remove "$@" || {
    [[ ! $lists_are_fresh ]] && update_lists && apt_get install -y --no-install-recommends --no-remove "$@"
  }
}

# need WHAT PACKAGE: WHAT is a command, or a file when it has a slash.
missing=()
need() {
  if [[ $1 == */* ]]; then
    [[ -e $1 ]] || missing+=("$2")
  else
    command -v "$1" > /dev/null || missing+=("$2")
  fi
}

# Boost's headers, 1.81 or newer, under one of the folders that CMake will look in.
have_boost() {
  local folder version number given
  IFS=: read -ra given <<< "${BOOST_ROOT-}:${Boost_ROOT-}:${CMAKE_PREFIX_PATH-}"
  for folder in "${given[@]}" "$deps/boost/usr" /usr/local /usr; do
    [[ $folder ]] || continue
    for version in "$folder"{,/include}/boost/version.hpp; do
      [[ -f $version ]] || continue
      number=$(sed -nE 's/^#define BOOST_VERSION ([0-9]+).*/\1/p' "$version")
      ((number >= 108100)) && return
    done
  done
  return 1
}

install_boost() {
  known libboost-dev || update_lists
  local package version
  # The distribution's own default if it is new enough, else the oldest that is: it draws the fewest surprises.
  package=$(
    apt-cache policy libboost-dev | sed -nE 's/ *Candidate: 1\.([0-9]+).*/\1 libboost-dev/p'
    apt-cache pkgnames libboost1. | sed -nE 's/^libboost1\.([0-9]+)-dev$/\1 &/p' | sort -n
  )
  package=$(awk '$1 >= 81 { print $2; exit }' <<< "$package")
  [[ $package ]] || die "the package sources have no Boost 1.81 or newer; give its folder by BOOST_ROOT"
  # Tried out first: an older Boost conflicts with this one, and is not ours to remove.
  if apt-get install -s --no-install-recommends --no-remove "$package" > /dev/null 2>&1; then
    install "$package" || die "could not install $package"
    return
  fi
  version=$(apt-cache depends "$package" | sed -nE 's/.*libboost(1\.[0-9]+)-dev.*/\1/p' | head -n 1)
  [[ $package == libboost-dev ]] || version=${package//[^0-9.]/}
  echo "install-deps: $package cannot be installed beside the Boost that is there; unpacking its headers" \
    "into build/deps instead" >&2
  unpacked=$(bash "$here/get-boost" --to "$deps" "$version") ||
    die "found no Boost 1.81 or newer; give its folder by BOOST_ROOT"
  ln -sfn "$(basename "$(dirname "$unpacked")")" "$deps/boost"
}

# nginx and nats-server run under the tests' own configuration; the services that their packages bring must not start.
install_server() {
  local policy=/usr/sbin/policy-rc.d ours= status=0
  if [[ ! -e $policy ]]; then
    ours=yes
    trap 'as_root rm -f '$policy EXIT
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod +x $policy"
  fi
  install "$1" || status=$?
  if [[ $ours ]]; then
    as_root rm -f $policy
    trap - EXIT
    # Nor at the next start of the machine.
    as_root systemctl --quiet disable "$1" > /dev/null 2>&1 || true
  fi
  return $status
}

# Includes what each of the groups needs of those before it; docs stands alone.
groups=" ${*:-test} "
case $groups in
  *\ ci\ *) level=3 ;;
  *\ test\ *) level=2 ;;
  *\ demo\ *) level=1 ;;
  *\ docs\ *) level=0 ;;
  *) die "unknown group:$groups(demo, test, ci or docs)" ;;
esac

command -v apt-get > /dev/null || die "this is for Debian and Ubuntu; CONTRIBUTING.md lists what to install elsewhere"

if [[ $groups == *\ docs\ * ]]; then
  need doxygen doxygen
  need python3 python3-minimal
fi
need c++ g++
need cmake cmake
need ninja ninja-build
if ((level >= 1)); then
  need /usr/include/openssl/ssl.h libssl-dev
  need /usr/include/zlib.h zlib1g-dev
  need /usr/include/CLI/CLI.hpp libcli11-dev
  need /etc/ssl/certs/ca-certificates.crt ca-certificates
fi
if ((level >= 2)); then
  need /usr/include/gtest/gtest.h libgtest-dev
  need /usr/include/nats/nats.h libnats-dev
  need openssl openssl
  need curl curl
  need wrk wrk
  need python3 python3-minimal
  need pkg-config pkgconf
  need file file
  need dpkg-shlibdeps dpkg-dev
  need ps procps
fi
if ((level >= 3)); then
  need clang++-19 clang-19
  need llvm-symbolizer-19 llvm-19
  need /usr/lib/llvm-19/lib/clang/19/lib/linux libclang-rt-19-dev
  need ccache ccache
  need /usr/include/benchmark/benchmark.h libbenchmark-dev
  need valgrind valgrind
  need gdb gdb
fi

if ((${#missing[@]})); then
  echo "install-deps: installing ${missing[*]}" >&2
  install "${missing[@]}" || die "could not install ${missing[*]}"
fi
if ! have_boost; then
  missing=("Boost 1.81 or newer")
  install_boost
fi
# A root of nothing but packages has no hosts file, and the tests' servers are at localhost.
if ((level >= 2)) && ! getent hosts localhost > /dev/null; then
  echo "install-deps: adding localhost to /etc/hosts" >&2
  missing=("localhost in /etc/hosts")
  as_root sh -c 'echo "127.0.0.1 localhost" >> /etc/hosts'
fi
if ((level >= 2)); then
  for server in nginx nats-server; do
    command -v $server > /dev/null && continue
    missing=($server)
    install_server $server || die "could not install $server"
  done
fi
