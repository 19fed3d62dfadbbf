// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package rules is ipvsadm's language: it reads the lines that ipvsadm -R reads,
// says what a table would be after them and which changes lead there, and writes
// a table as ipvsadm -Sn and -Ln do, byte for byte.
//
// cmd/vigilctl imports it, and config/migrate for the rules of old directors.
//
// It must never talk to the kernel, resolve a name by itself, or take half of a
// text that has a mistake.
package rules
