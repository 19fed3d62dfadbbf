// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package files is the files that a keepalived leaves lying about: pid files with
// their locks, dumps, and those by which a reload is asked for and told of.
//
// Only cmd/vigild imports it; it imports the command line, the configuration and
// cmd/vigild/dump.
//
// It must never wait for anybody.
package files
