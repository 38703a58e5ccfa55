#!/usr/bin/env bash
# Boots a systemd that has nothing but the service: boot.sh PYTHON PACKAGES SOURCE
#
#   PYTHON    prefix of the Python installation
#   PACKAGES  folder of the installed packages
#   SOURCE    checkout
#
# It runs in namespaces of its own (mounts, processes, network, names, cgroups), sees the machine's
# files read-only, and ends, with all of its processes, as soon as standard input is closed.
# Prints the process id of systemd; what that says itself goes to standard error.
set -euo pipefail

if [ "${1-}" = inside ]; then
    shift
    python=$1 packages=$2 source=$3
    read -r process _ </proc/self/stat # still the machine's own /proc, so the id is the machine's

    mount -t proc proc /proc
    while umount --recursive /sys/fs/cgroup 2>/dev/null; do :; done
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    cp -a /etc /run/etc
    mount --bind /run/etc /etc
    for folder in /opt /srv /var/lib; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
    mkdir -p /opt/nd2watch/{bin,python,packages,source}
    mount --bind -o ro "$python" /opt/nd2watch/python
    mount --bind -o ro "$packages" /opt/nd2watch/packages
    mount --bind -o ro "$source" /opt/nd2watch/source
    for folder in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
    mount -o remount,bind,ro /
    mount --bind /proc/sys /proc/sys
    mount -o remount,bind,ro /proc/sys

    cat >/opt/nd2watch/bin/nd2watch <<'PROGRAM'
#!/bin/sh
home=/opt/nd2watch
export PYTHONPATH=$home/source:$home/packages LD_LIBRARY_PATH=$home/python/lib
exec $home/python/bin/python3 -m nd2watch "$@"
PROGRAM
    chmod 755 /opt/nd2watch/bin/nd2watch

    mkdir -p /run/systemd/system
    for target in sysinit basic shutdown local-fs remote-fs; do
        printf '[Unit]\nDefaultDependencies=no\n' >"/run/systemd/system/$target.target"
    done
    echo "$process"
    exec env -i container=nd2watch PATH="$PATH" SYSTEMD_UNIT_PATH=/run/systemd/system \
        /lib/systemd/systemd --system --unit=basic.target --log-target=console \
        </dev/null >&2
fi

if [ "${1-}" = outside ]; then
    shift
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/cgroup
    mount -t cgroup2 cgroup2 /run/cgroup
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    group=/run/cgroup${own%/}/nd2watch-test-$$
    mkdir "$group"
    exec 3<&0
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup \
            bash "$0" inside "$@" </dev/null 3<&-
    ) &
    systemd=$!
    cat <&3 >/dev/null &
    wait -n || true # for the end of systemd, or of the input
    kill -KILL "$systemd" $! 2>/dev/null || true
    wait || true
    until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done
    exit
fi

exec unshare --mount --propagation private bash "$0" outside "$@"
