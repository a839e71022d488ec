#!/usr/bin/env bash
# Builds the image with buildah (no Docker engine is needed) and tries it as a stranger would run it: any uid, nothing
# written. Where the base image is not there it is made by debootstrap from this machine's own Debian mirror.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
BASE=docker.io/library/debian:bookworm-slim
IMAGE=localhost/larder:test
WORK=$(mktemp -d)
CONTAINERS=()
export BUILDAH_ISOLATION=chroot

cleanup() {
  local container
  for container in "${CONTAINERS[@]}"; do buildah rm "$container" >/dev/null || true; done
  rm -rf "$WORK"
}
trap cleanup EXIT

make_base() {
  echo "making $BASE by debootstrap"
  debootstrap --variant=minbase bookworm "$WORK/root" >"$WORK/debootstrap.log" 2>&1 || { tail "$WORK/debootstrap.log"; return 1; }
  # How this machine reaches its mirror, where that takes more than the default.
  apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$WORK/root/etc/apt/apt.conf.d/00machine" || true
  # What the published image leaves out.
  rm -rf "$WORK"/root/var/cache/apt/archives/*.deb "$WORK"/root/var/lib/apt/lists/* "$WORK"/root/usr/share/{doc,man,locale,info}/* \
    "$WORK"/root/var/log/*.log "$WORK"/root/var/cache/apt/*.bin
  printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
    >"$WORK/root/etc/dpkg/dpkg.cfg.d/docker"
  local container
  container=$(buildah from scratch)
  CONTAINERS+=("$container")
  buildah add --quiet "$container" "$WORK/root" / >/dev/null
  buildah config --cmd bash "$container"
  buildah commit --quiet "$container" "$BASE" >/dev/null
  rm -rf "$WORK/root"
}

size_kib() {  # what an image's file system holds
  local container
  container=$(buildah from --pull-never "$1")
  CONTAINERS+=("$container")
  du -sk "$(buildah mount "$container")" | cut -f1
  buildah rm "$container" >/dev/null
}

[[ -n $(buildah images --quiet "$BASE" 2>/dev/null || true) ]] || make_base
echo "building $IMAGE"
buildah bud --format docker --pull-never --tag "$IMAGE" "$ROOT" >"$WORK/build.log" 2>&1 || { tail -n 60 "$WORK/build.log"; exit 1; }

container=$(buildah from --pull-never "$IMAGE")
CONTAINERS+=("$container")
# In a network of its own, since the image's ports are fixed and may be somebody's here.
unshare --net /usr/bin/python3 -B "$HERE/check.py" "$container" "$(buildah mount "$container")"

base=$(size_kib "$BASE")
whole=$(size_kib "$IMAGE")
echo "image: $((whole / 1024)) MiB, of them $((whole - base)) KiB over its base"
((whole - base < 20 * 1024)) || { echo "larger than it should be"; exit 1; }
