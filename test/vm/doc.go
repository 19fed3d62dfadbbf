// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package vm is the tests that need a kernel with IPVS: engine/sys/ipvs beside
// ipvsadm, and vigild beside keepalived on the same table and the same servers.
// They run as root in a machine of their own, which boot makes of Debian's
// kernel package and package machine starts. Package check below has both daemons
// do the same on the same servers, package traffic has clients, package scenario
// plays published guides; they share package farm.
//
//	go test ./test/vm/...                   # boots once per package
//	test/vm/boot -- ipvsadm -Ln             # any other command, in a shell
//	go test -c -o t ./some/pkg && test/vm/boot -- ./t -test.v
//
// The last line is how any test binary is run there, for example for what this
// machine's kernel lacks: IPVS, dummy, VLAN, VRF, IPVLAN, netem.
//
// The tests of the whole table do not run beside each other: the kernel lists
// services by their place in a hash that all network namespaces share, and while
// one changes its own, a listing in another may have a service twice or not.
//
// Nothing imports it. It needs the programs of test/install.sh, and apt to
// fetch the kernel once.
//
// It must never skip, wait for time instead of for a condition, or compare a
// time measured inside with one measured outside: the machine is emulated.
package vm
