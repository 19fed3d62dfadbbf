// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command genhash fetches a page and prints the digest that HTTP_GET and
// SSL_GET ask for. Its manual page is genhash.1.
//
// It is package digest with a name of its own; it must never be more than that.
package main
