// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package digest is the program genhash: it fetches one page over HTTP/1 or
// HTTPS and prints the MD5 of its body, with -v what was received and how long it
// took, as keepalived's genhash does, byte for byte.
//
// The commands import it: genhash, and vigild that is called so.
//
// It must never judge the page: a status of 404 has a digest too.
package digest
