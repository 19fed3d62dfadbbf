// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package shadow is the loop of the vrrp role in shadow mode: it listens to the
// wires and to netlink, and drives engine/shadow.
//
// cmd/vigild wires it in place of the loop of engine/run; tests import it.
//
// It must never send a packet, join a group, or change anything of the host. It
// runs with CAP_NET_RAW alone, so that the kernel would refuse the rest.
package shadow
