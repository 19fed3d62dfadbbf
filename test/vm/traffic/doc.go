// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package traffic is the tests of virtual services under the traffic of real
// clients: connections that outlive their director, servers that leave while
// clients hammer, every way to forward, and servers that fail in every way.
//
// Nothing imports it. It needs the machine of test/vm.
//
// It must never take a connection that was made again for one that survived, or
// compare a time measured inside with one measured outside.
package traffic
