// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package netns is the tests that need a network: vigild on real sockets, with
// real keepalived as its peer or as its twin, in the networks of package lab;
// the demonstration; and the commands of the README.
//
// Nothing imports it. It needs root and the programs of test/install.sh.
//
// It must never skip, wait for time instead of for a condition, or leave a
// namespace, process or file behind.
package netns
