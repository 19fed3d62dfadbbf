// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package test is the root of the tests that look at more than one package:
// sim runs routers on a simulated wire and clock, netns runs the daemon on real
// sockets beside real peers, vm runs it on a kernel of its own, demo shows a
// failover through every exit, and bench compares with keepalived. Beside them,
// install.sh installs what they need and need-root says what is missing.
//
// They may import anything; nothing may import them.
//
// They must never skip, sleep, or leave behind a namespace, process or file.
package test
