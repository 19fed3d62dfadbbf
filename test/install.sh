#!/usr/bin/env bash
# Installs the Debian packages the tests and the demonstration need, and only
# those that are missing. Installing a daemon normally starts it; that is
# prevented, so nothing on this machine starts, stops or restarts.
#
#   test/install.sh           install what is missing
#   test/install.sh --list    print the packages
set -eu
PATH=$PATH:/usr/sbin:/sbin

# Peers and masters (keepalived, frr, snmpd, snmptrapd, prometheus,
# alertmanager), what looks at them, a C compiler for the race detector, and
# what boots a kernel that has IPVS and looks at its table, a message bus.
packages=(
	keepalived frr snmpd snmp snmptrapd prometheus prometheus-alertmanager
	iproute2 iputils-ping tcpdump nftables strace systemd smitools groff-base jq curl procps
	gcc libc6-dev
	qemu-system-x86 kmod ipvsadm haproxy
	dbus-daemon dbus-bin
)

die() {
	echo "test/install.sh: $*" >&2
	exit 1
}

if [ "${1:-}" = --list ]; then
	printf '%s\n' "${packages[@]}"
	exit
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	die "this is not Debian; install the equivalents of: ${packages[*]}"
fi

missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} = 0 ]; then
	echo "everything the tests need is installed"
	exit
fi
[ "$(id -u)" = 0 ] || die "needs root to install: ${missing[*]} (run it with sudo)"

# While policy-rc.d says 101, no maintainer script may start or restart a
# service. A policy that is already there is put aside and brought back, also
# after a run that was killed.
policy=/usr/sbin/policy-rc.d
aside=$policy.before-vigild
ours='# written by test/install.sh of vigild; removed when it ends'

restore() {
	if [ -e "$policy" ] && grep -qF "$ours" "$policy"; then rm -f "$policy"; fi
	if [ -e "$aside" ]; then mv -f "$aside" "$policy"; fi
}

exec 9>/run/lock/vigild-install.lock
flock 9
restore
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$aside"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$ours" >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1
apt() {
	apt-get -y -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" 9>&-
}
install() {
	apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		install --no-install-recommends "${missing[@]}"
}

echo "installing: ${missing[*]}"
# The index on this machine may be absent or old; it is fetched only then.
if ! install; then
	for attempt in 1 2 3; do
		echo "fetching the package index (attempt $attempt of 3)"
		if apt update && install; then break; fi
		[ "$attempt" != 3 ] || die "could not install ${missing[*]}; what apt-get said is above"
	done
fi
echo "installed, and none of it started. Debian starts such services at the next boot; to prevent that:"
echo "  systemctl disable keepalived frr snmpd snmptrapd prometheus prometheus-alertmanager"
