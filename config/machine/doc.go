// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package machine answers for this machine what a configuration is checked against: which interfaces and accounts there
// are, whether a program can be run and by whom it could be changed, what a host's address is.
//
// Only cmd imports it. It imports config for the questions.
//
// It must never change anything, and never wait for anybody but a name server, and that in a configuration test alone.
package machine
