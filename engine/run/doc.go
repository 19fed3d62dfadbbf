// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package run is the loop of the vrrp role and the frame around that of the bfd
// role, and the folders below it are the loops of the others: parent and
// observe, with role for what they share.
// They are the only places that wait for several things at once, and they
// decide nothing that the pure packages could.
//
// Only cmd and tests import it; it imports the engine.
//
// It must never run a program or serve a stranger in the role that holds the
// addresses. Roles know each other only through an ipc.Link.
package run
